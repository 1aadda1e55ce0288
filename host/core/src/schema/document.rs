//! One YAML file: its text, its tree, and where a pointer into it stands.

use std::path::Path;

use super::node::{Node, NodeKind, Span};
use super::syntax::explain;
use crate::error::{Error, Excerpt, Kind, Place};

/// A schema document is written by people; a megabyte is a hundred times the longest seen.
pub const MAX_DOCUMENT_BYTES: u64 = 1 << 20;

/// What is kept of an overlong line for its excerpt.
const MAX_LINE_CHARS: usize = 4_096;

/// Lists and maps in one another. A document nests a dozen at most; and each level takes tens of kilobytes of the stack
/// in a debug build, of which a thread has two megabytes.
const MAX_DEPTH: usize = 32;

/// One document with its text.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file, as messages name it.
    pub path: String,
    /// The tree.
    pub root: Node,
    text: String,
}

impl Document {
    /// Reads and parses a file. `shown` is the path that messages name.
    pub fn read(path: &Path, shown: &str) -> Result<Self, Error> {
        let fail =
            |code: &str, message: String| Error::new(Kind::Schema, code, message).at(Place::line(shown, 1));
        let found = std::fs::metadata(path)
            .map_err(|error| fail("schema.unreadable", format!("cannot read the file: {error}")))?;
        // Reading a pipe waits for whoever writes to it.
        if !found.is_file() {
            return Err(fail("schema.unreadable", "it is not a regular file".into()));
        }
        let length = found.len();
        if length > MAX_DOCUMENT_BYTES {
            return Err(fail(
                "schema.too_large",
                format!("the file has {length} bytes; a document may have {MAX_DOCUMENT_BYTES}"),
            )
            .hint("keep data in data files; the schema folder holds YAML documents, one a thing"));
        }
        let bytes = std::fs::read(path)
            .map_err(|error| fail("schema.unreadable", format!("cannot read the file: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..good].split(|byte| *byte == b'\n').count() as u64;
            Error::new(
                Kind::Schema,
                "schema.invalid_utf8",
                format!(
                    "byte {good} of the file (0x{:02x}) is not UTF-8",
                    error.as_bytes()[good]
                ),
            )
            .at(Place::line(shown, line))
            .hint("save the file as UTF-8")
        })?;
        Self::parse(text, shown)
    }

    /// Parses a text.
    pub fn parse(text: String, shown: &str) -> Result<Self, Error> {
        // A document of a megabyte has far fewer values than this; what aliases blow up beyond it is a bomb.
        let options = serde_saphyr::options! {
            // `NO` is a country, not `false`.
            strict_booleans: true,
            budget: serde_saphyr::budget! {
                max_events: 200_000,
                max_aliases: 1_000,
                max_depth: MAX_DEPTH,
                max_nodes: 100_000,
            },
        };
        match serde_saphyr::from_str_with_options::<Node>(&text, options) {
            Ok(root) => Ok(Self {
                path: shown.to_owned(),
                root,
                text,
            }),
            Err(error) => {
                let location = error.location();
                let span = Span {
                    line: location.map_or(1, |location| location.line()),
                    column: location.map_or(1, |location| location.column()),
                };
                let (code, message, hint) = explain(&error);
                Err(Error::new(Kind::Schema, code, message)
                    .at(place(shown, &text, span))
                    .hint(hint))
            }
        }
    }

    /// The place of a value, or of a key where `key` is set; the nearest known value where the pointer leads nowhere.
    pub fn place(&self, pointer: &str, key: bool) -> Place {
        let mut shorter = pointer;
        loop {
            let nothing = |node: &Node| node.kind == NodeKind::Null;
            // Of a value that is not there, the key is shown.
            let key = key && shorter == pointer || self.root.find(shorter, false).is_some_and(nothing);
            if let Some(node) = self.root.find(shorter, key) {
                return place(&self.path, &self.text, node.span);
            }
            shorter = match shorter.rfind('/') {
                Some(cut) => &shorter[..cut],
                None => "",
            };
        }
    }

    /// The same errors with their pointers turned into places in this file. `under` is the pointer of the node that the
    /// errors' pointers are relative to.
    pub fn locate(&self, under: &str, errors: Vec<Error>) -> Vec<Error> {
        errors
            .into_iter()
            .map(|mut error| {
                if let Some(Place::Pointer(pointer)) = &error.place {
                    let key = error.code == "schema.unknown_key";
                    error.place = Some(self.place(&format!("{under}{pointer}"), key));
                }
                error
            })
            .collect()
    }

    /// An error about a value of this document.
    pub fn error(&self, code: &str, pointer: &str, message: impl Into<String>) -> Error {
        Error::new(Kind::Schema, code, message).at(self.place(pointer, false))
    }
}

fn place(path: &str, text: &str, span: Span) -> Place {
    let line = usize::try_from(span.line)
        .ok()
        .and_then(|line| text.lines().nth(line.saturating_sub(1)));
    let column = usize::try_from(span.column.saturating_sub(1)).unwrap_or(0);
    let excerpt = line.map(|line| Excerpt {
        text: line.chars().take(MAX_LINE_CHARS).collect(),
        width: width(line, column),
    });
    Place::File {
        path: path.to_owned(),
        line: span.line.max(1),
        column: span.column.max(1),
        excerpt,
    }
}

/// How many characters the value takes that starts at a place of a line: a text in quotes up to its end, anything else
/// up to what can end it; of a list or map only the bracket.
fn width(line: &str, column: usize) -> usize {
    let rest: Vec<char> = line.chars().skip(column).collect();
    let length = match rest.first() {
        Some(quote @ ('"' | '\'')) => match rest.iter().skip(1).position(|c| c == quote) {
            Some(inner) => inner + 2,
            None => rest.len(),
        },
        Some('[' | '{' | '-' | ',' | ']' | '}') | None => 1,
        Some(_) => {
            let ends = |index: usize| {
                let next = rest.get(index + 1).copied().unwrap_or(' ');
                match rest[index] {
                    ',' | ']' | '}' => true,
                    ':' => next == ' ',
                    ' ' => next == '#',
                    _ => false,
                }
            };
            let end = (0..rest.len()).find(|index| ends(*index)).unwrap_or(rest.len());
            rest[..end]
                .iter()
                .rposition(|c| *c != ' ')
                .map_or(0, |last| last + 1)
        }
    };
    length.max(1)
}
