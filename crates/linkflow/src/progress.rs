//! Progress on a terminal. In a pipe nothing is shown, and results are on standard output anyway.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `n` steps on standard error; hidden for fewer than two.
pub fn bar(n: usize, what: &'static str) -> ProgressBar {
    if n < 2 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")
        .expect("the template holds only known words");
    ProgressBar::new(n as u64).with_style(style).with_message(what)
}

/// A sign that something goes on whose end is not known.
pub fn spinner(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")
        .expect("the template holds only known words");
    let spinner = ProgressBar::new_spinner().with_style(style).with_message(what);
    spinner.enable_steady_tick(std::time::Duration::from_millis(200));
    spinner
}
