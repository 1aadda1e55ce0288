//! Lines on the standard output.

/// Prints a line. Where the reader has gone, as `head` does, there is nobody to tell and nothing is wrong.
macro_rules! say {
    () => { say!("") };
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout().lock(), $($text)*);
    }};
}
