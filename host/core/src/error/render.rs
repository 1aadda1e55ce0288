//! An error as a person reads it in a terminal.

use super::{Error, Place};

impl Error {
    /// Several lines: the code and message, the place, the source line with a caret, the fix. No trailing newline.
    pub fn render(&self) -> String {
        let mut out = format!("error[{}]: {}", self.code, self.message);
        if let Some(place) = &self.place {
            out.push_str(&format!("\n  --> {place}"));
            if let Place::File {
                line,
                column,
                excerpt: Some(excerpt),
                ..
            } = place
            {
                let number = line.to_string();
                let gutter = " ".repeat(number.len());
                let indent = " ".repeat(usize::try_from(column.saturating_sub(1)).unwrap_or(0));
                let caret = "^".repeat(excerpt.width.max(1));
                out.push_str(&format!(
                    "\n {gutter} |\n {number} | {}\n {gutter} | {indent}{caret}",
                    excerpt.text
                ));
            }
        }
        if let Some(hint) = &self.hint {
            out.push_str(&format!("\n  help: {hint}"));
        }
        out
    }
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
