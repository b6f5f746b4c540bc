//! Signals that would end the program where an error says more, and the other way round.

/// A file that has reached its largest size is an error of the write, as a full disk is, and no
/// reason to end.
pub fn outlive_full_files() {
    // SAFETY: no handler is installed, only a constant one; called before there is a second thread.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// Lets `linkflow export | head` end silently when nobody reads on. Not for what still talks to
/// sockets and children.
pub fn end_with_the_reader() {
    // SAFETY: as above; what is printed from here on is all that is still to be done.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}
