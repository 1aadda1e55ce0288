//! The words and signs of an expression.

use serde_json::{Number, Value};

use super::ExpressionError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Word(String),
    Literal(Value),
    Sign(&'static str),
}

/// Longer ones first.
const SIGNS: &[&str] = &["==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ",", "."];

/// Each with the characters before it.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, ExpressionError> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&first) = characters.get(at) {
        if first.is_whitespace() {
            at += 1;
            continue;
        }
        let rest = &characters[at..];
        let (token, length) = if first.is_ascii_alphabetic() || first == '_' {
            word(rest)
        } else if first.is_ascii_digit() || (first == '-' && rest.get(1).is_some_and(char::is_ascii_digit)) {
            number(rest, at)?
        } else if first == '\'' || first == '"' {
            quoted(rest, at)?
        } else {
            let sign = SIGNS
                .iter()
                .find(|sign| sign.chars().enumerate().all(|(i, c)| rest.get(i) == Some(&c)));
            let Some(sign) = sign else {
                let hint = if first == '=' {
                    "; two values are compared with `==`"
                } else {
                    ""
                };
                return Err(ExpressionError::new(
                    at,
                    format!("`{}` means nothing here{hint}", first.escape_debug()),
                ));
            };
            (Token::Sign(sign), sign.len())
        };
        found.push((token, at));
        at += length;
    }
    Ok(found)
}

/// A name may have a `-` in it, as those of steps do.
fn word(rest: &[char]) -> (Token, usize) {
    let word: String = rest
        .iter()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        .collect();
    let length = word.len();
    let token = match word.as_str() {
        "true" => Token::Literal(Value::Bool(true)),
        "false" => Token::Literal(Value::Bool(false)),
        "null" => Token::Literal(Value::Null),
        _ => Token::Word(word),
    };
    (token, length)
}

fn number(rest: &[char], at: usize) -> Result<(Token, usize), ExpressionError> {
    let text: String = rest
        .iter()
        .enumerate()
        .take_while(|(index, c)| c.is_ascii_digit() || **c == '.' || (*index == 0 && **c == '-'))
        .map(|(_, c)| c)
        .collect();
    let number = match text.parse::<i64>() {
        Ok(whole) => Some(Number::from(whole)),
        Err(_) => text.parse::<f64>().ok().and_then(Number::from_f64),
    };
    match number {
        Some(number) => Ok((Token::Literal(Value::Number(number)), text.len())),
        None => Err(ExpressionError::new(at, format!("`{text}` is not a number"))),
    }
}

fn quoted(rest: &[char], at: usize) -> Result<(Token, usize), ExpressionError> {
    let inner = rest[1..].iter().position(|c| *c == rest[0]);
    let Some(length) = inner else {
        return Err(ExpressionError::new(at, "the text does not end"));
    };
    let text = rest[1..=length].iter().collect();
    Ok((Token::Literal(Value::String(text)), length + 2))
}
