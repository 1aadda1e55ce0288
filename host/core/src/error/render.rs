//! An error as a person reads it in a terminal.

use std::fmt::Write;

use super::{Error, Excerpt, Place};

/// What is shown of a line around the place that is meant.
const SHOWN_CHARS: usize = 160;

impl Error {
    /// Several lines: the code and message, the place, the source line with a caret, the fix. No trailing newline.
    pub fn render(&self) -> String {
        let mut out = format!("error[{}]: {}", self.code, shown(&self.message));
        if let Some(place) = &self.place {
            let _ = write!(out, "\n  --> {}", shown(&place.to_string()));
            if let Place::File {
                line,
                column,
                excerpt: Some(excerpt),
                ..
            } = place
            {
                let number = line.to_string();
                let gutter = " ".repeat(number.len());
                let (text, caret) = window(excerpt, usize::try_from(column.saturating_sub(1)).unwrap_or(0));
                let _ = write!(out, "\n {gutter} |\n {number} | {text}\n {gutter} | {caret}");
            }
        }
        if let Some(hint) = &self.hint {
            let _ = write!(out, "\n  help: {}", shown(hint));
        }
        out
    }
}

/// The part of a line around a place, and the carets below it.
fn window(excerpt: &Excerpt, start: usize) -> (String, String) {
    let line: Vec<char> = excerpt.text.chars().collect();
    let start = start.min(line.len());
    let end = line.len().min(start + excerpt.width.max(1));
    let first = if line.len() > SHOWN_CHARS {
        start.saturating_sub(SHOWN_CHARS / 4)
    } else {
        0
    };
    let last = line.len().min(first + SHOWN_CHARS);
    let (before, after) = (
        if first > 0 { "…" } else { "" },
        if last < line.len() { "…" } else { "" },
    );
    let part = |from: usize, to: usize| shown(&line[from..to.max(from)].iter().collect::<String>());
    let text = format!("{before}{}{after}", part(first, last));
    let indent = before.chars().count() + width(&line[first..start]);
    let carets = width(&line[start..end.min(last)]).max(1);
    (text, format!("{}{}", " ".repeat(indent), "^".repeat(carets)))
}

/// A file's own control characters would act on the reader's terminal.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
        .collect()
}

/// The columns that characters take in a terminal: two for the wide ones of East Asia and for emoji, none for accents
/// that stand on the character before them.
fn width(text: &[char]) -> usize {
    let columns = |c: &char| match u32::from(*c) {
        0x0300..=0x036f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    };
    text.iter().map(columns).sum()
}

#[cfg(test)]
mod tests {
    use crate::error::{Error, Excerpt, Kind, Place};

    #[test]
    fn a_rendered_error_shows_code_place_caret_and_fix() {
        let error = Error::new(Kind::Schema, "schema.unknown_key", "unknown key `ownners`")
            .at(Place::File {
                path: "assets/a.yaml".into(),
                line: 4,
                column: 1,
                excerpt: Some(Excerpt {
                    text: "ownners: [a]".into(),
                    width: 7,
                }),
            })
            .hint("did you mean `owners`?");
        assert_eq!(
            error.render(),
            "error[schema.unknown_key]: unknown key `ownners`\n  --> assets/a.yaml:4:1\n   |\n 4 | ownners: [a]\n   | ^^^^^^^\n  help: did you mean `owners`?"
        );
    }
}
