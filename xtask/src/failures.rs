//! Tests that failed, said again at the end: a long run's log is read from there.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::process;

/// What a run of `cargo test` printed of its failures: the blocks from `failures:` to the verdict of each suite.
#[derive(Default)]
pub(crate) struct Failures {
    printed: String,
    inside: bool,
}

impl Failures {
    /// Runs tests to their end, showing what they print, and takes in what failed.
    pub(crate) fn watch(&mut self, command: &mut Command) -> Result<(), String> {
        process::stream_through(command.stdout(Stdio::piped()), |stdout| {
            let mut shown = std::io::stdout().lock();
            let Some(stdout) = stdout else { return Ok(()) };
            let mut lines = BufReader::new(stdout);
            let mut line = Vec::new();
            // Bytes, not text: a test may print anything.
            while lines.read_until(b'\n', &mut line)? > 0 {
                shown.write_all(&line)?;
                self.take(&String::from_utf8_lossy(&line));
                line.clear();
            }
            Ok(())
        })
    }

    /// Says again what failed.
    pub(crate) fn show(&self) {
        if !self.printed.is_empty() {
            println!("\n==> what failed\n{}", self.printed);
        }
    }

    fn take(&mut self, line: &str) {
        self.inside |= line.trim_end() == "failures:";
        if self.inside {
            self.printed.push_str(line);
        }
        self.inside &= !line.starts_with("test result:");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_suite_prints_the_failures_stay() {
        let mut failures = Failures::default();
        let printed = "running 2 tests\ntest good ... ok\ntest bad ... FAILED\n\nfailures:\n\n---- bad stdout ----\nwrong\n\n\
            failures:\n    bad\n\ntest result: FAILED. 1 passed; 1 failed\n\nrunning 1 test\ntest good ... ok\n\n\
            test result: ok. 1 passed; 0 failed\n";
        for line in printed.split_inclusive('\n') {
            failures.take(line);
        }
        assert_eq!(
            failures.printed,
            "failures:\n\n---- bad stdout ----\nwrong\n\nfailures:\n    bad\n\ntest result: FAILED. 1 passed; 1 failed\n"
        );
    }
}
