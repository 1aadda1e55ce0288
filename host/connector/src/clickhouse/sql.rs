//! Names and literals in ClickHouse's SQL (<https://clickhouse.com/docs/sql-reference/syntax>).

/// An identifier in backticks, with what could end it escaped.
pub(super) fn name(text: &str) -> String {
    quoted('`', text)
}

/// A string literal, with what could end it escaped.
pub(super) fn literal(text: &str) -> String {
    quoted('\'', text)
}

fn quoted(quote: char, text: &str) -> String {
    let mut quoted = String::from(quote);
    for letter in text.chars() {
        if letter == quote || letter == '\\' {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_the_statement() {
        assert_eq!(name("a`b\\c"), "`a\\`b\\\\c`");
        assert_eq!(literal("it's"), "'it\\'s'");
    }
}
