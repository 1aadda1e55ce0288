//! Names and literals in Postgres's SQL (<https://www.postgresql.org/docs/current/sql-syntax-lexical.html>).

/// An identifier in double quotes, with what could end it doubled.
pub(super) fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A string literal, with what could end it doubled. A backslash is only itself: sessions set
/// `standard_conforming_strings`.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Names, with commas between them.
pub(super) fn names<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_the_statement() {
        assert_eq!(name("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's \\"), "'it''s \\'");
        assert_eq!(names(["a", "b"]), "\"a\", \"b\"");
    }
}
