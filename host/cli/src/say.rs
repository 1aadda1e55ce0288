//! Lines on the standard output, and on the standard error.

/// Prints a line. Where the reader has gone, as `head` does, there is nobody to tell and nothing is wrong.
macro_rules! say {
    () => { say!("") };
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout().lock(), $($text)*);
    }};
}

/// Prints a line on the standard error. Where it cannot be written to, a full disk behind it or nobody, the work goes on:
/// a run does not end because nobody reads of it.
macro_rules! complain {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr().lock(), $($text)*);
    }};
}
