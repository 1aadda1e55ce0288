//! What is printed: for people on a terminal, plain lines elsewhere, JSON where asked for.

mod progress;
mod table;

use std::process::ExitCode;

use serde::Serialize;
use tidegate_core::{Errors, Kind};

pub(crate) use progress::Watch;
pub(crate) use table::Table;

/// How to print.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A value as JSON where that was asked for, else what `human` prints.
    pub(crate) fn show<T: Serialize>(&self, value: &T, human: impl FnOnce()) {
        if self.json {
            match serde_json::to_string_pretty(value) {
                Ok(text) => say!("{text}"),
                Err(error) => complain!("error: {error}"),
            }
        } else {
            human();
        }
    }

    /// Every error, and the exit code of the first one's kind.
    pub(crate) fn errors(&self, errors: &Errors) -> ExitCode {
        if self.json {
            say!("{}", serde_json::json!({"errors": errors.0}));
        } else {
            for error in &errors.0 {
                complain!("{}\n", error.render());
            }
            if errors.0.len() > 1 {
                complain!("{} errors", errors.0.len());
            }
        }
        ExitCode::from(
            errors
                .0
                .first()
                .map_or(Kind::Internal, |error| error.kind)
                .exit_code(),
        )
    }
}

/// `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 asset`, `2 assets`.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    let many = if number == 1 { "" } else { "s" };
    format!("{} {thing}{many}", grouped(number as u64))
}

/// `4.2 MB`, in decimal units as disks are sold.
pub(crate) fn bytes(number: u64) -> String {
    let mut value = number as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1_000.0 {
            return if unit == "B" {
                format!("{number} B")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1_000.0;
    }
    format!("{value:.1} TB")
}

/// `0.42 s`, or `3 min 05 s`.
pub(crate) fn duration(ms: u64) -> String {
    if ms < 60_000 {
        format!("{:.2} s", ms as f64 / 1_000.0)
    } else {
        format!("{} min {:02} s", ms / 60_000, ms / 1_000 % 60)
    }
}

/// Text from data or a guest, without what would act on the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The first line of a text, cut to what fits at the end of a table's row.
pub(crate) fn brief(text: &str) -> String {
    const WIDTH: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    let cut: String = line.chars().take(WIDTH - 1).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(336_776), "336,776");
        assert_eq!(counted(1, "asset"), "1 asset");
        assert_eq!(counted(0, "asset"), "0 assets");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(8_200_150), "8.2 MB");
        assert_eq!(duration(421), "0.42 s");
        assert_eq!(duration(185_000), "3 min 05 s");
        assert_eq!(printable("a\u{1b}[2J"), "a [2J");
        assert_eq!(brief("one line\nanother"), "one line");
        assert_eq!(brief(&"long ".repeat(20)).chars().count(), 60);
    }
}
