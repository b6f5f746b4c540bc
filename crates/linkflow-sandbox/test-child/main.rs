//! The child that the tests start; with `probe` it tries what it must not be able to do.

fn main() {
    if std::env::args().nth(1).as_deref() == Some("probe") {
        return probe();
    }
    linkflow_sandbox::child_main()
}

/// Prints one line per attempt: its name and how it ended.
fn probe() {
    let executable = std::env::current_exe().expect("the test's child has a path");
    let notes = linkflow_sandbox::restrict(1 << 30).expect("this kernel has seccomp");
    let attempts: [(&str, fn(&std::path::Path) -> std::io::Result<()>); 9] = [
        ("open", |_| std::fs::File::open("/etc/passwd").map(drop)),
        ("write", |_| std::fs::write("/tmp/linkflow-escape", "x")),
        ("list", |_| std::fs::read_dir("/").map(drop)),
        ("connect", |_| std::net::TcpStream::connect("127.0.0.1:22").map(drop)),
        ("listen", |_| std::net::TcpListener::bind("127.0.0.1:0").map(drop)),
        ("udp", |_| std::net::UdpSocket::bind("127.0.0.1:0").map(drop)),
        ("unix", |_| std::os::unix::net::UnixStream::pair().map(drop)),
        ("thread", |_| std::thread::Builder::new().spawn(|| ()).map(drop)),
        ("exec", |exe| std::process::Command::new(exe).spawn().map(drop)),
    ];
    for (name, attempt) in attempts {
        match attempt(&executable) {
            Ok(()) => println!("{name}: done"),
            Err(e) => println!("{name}: {:?}", e.kind()),
        }
    }
    println!("notes: {}", notes.join(" | "));
}
