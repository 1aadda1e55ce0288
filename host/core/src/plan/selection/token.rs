//! A selection's text, cut into words and signs.

use super::error::{Fault, SelectionError};
use super::{By, Pattern, Span};
use crate::schema::closest;

/// A word or sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    Plus,
    Comma,
    /// A name, a number, or one of the words of the syntax.
    Word(String),
    /// A name in quotes, which is never a word of the syntax.
    Quoted(String),
    /// `group:sales`, `tag:tier=gold`.
    Filter(By, Pattern, Option<Pattern>),
}

/// A selection's text as it is gone through, character by character.
struct Text<'a> {
    whole: &'a str,
    characters: Vec<char>,
    at: usize,
}

/// Cuts a text, each token with its place.
pub(super) fn tokens(whole: &str) -> Result<Vec<(Token, Span)>, SelectionError> {
    let mut text = Text {
        whole,
        characters: whole.chars().collect(),
        at: 0,
    };
    let mut found = Vec::new();
    while let Some(next) = text.peek() {
        let start = text.at;
        let sign = match next {
            ' ' | '\t' | '\n' | '\r' => {
                text.at += 1;
                continue;
            }
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            '+' => Some(Token::Plus),
            ',' => Some(Token::Comma),
            _ => None,
        };
        let token = match sign {
            Some(token) => {
                text.at += 1;
                token
            }
            None => text.word()?,
        };
        let span = Span { start, end: text.at };
        found.push((token, span));
    }
    Ok(found)
}

/// Whether a character may stand in a name or value without quotes.
fn plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '@' | '*' | ':' | '=')
}

impl Text<'_> {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn error(&self, span: Span, message: String, hint: impl Into<String>) -> SelectionError {
        SelectionError {
            fault: Fault::Syntax,
            message,
            hint: hint.into(),
            text: self.whole.to_owned(),
            span,
        }
    }

    fn word(&mut self) -> Result<Token, SelectionError> {
        let start = self.at;
        if self.peek() == Some('"') || self.peek() == Some('\'') {
            return Ok(Token::Quoted(self.quoted()?));
        }
        let name = self.run(|c| plain(c) && c != ':' && c != '=');
        if self.peek() != Some(':') {
            if !name.is_empty() {
                return Ok(Token::Word(name));
            }
            let span = Span {
                start,
                end: start + 1,
            };
            let message = format!("`{}` cannot stand here", self.peek().unwrap_or_default());
            return Err(self.error(span, message, "put values with other signs in double quotes"));
        }
        let Some((_, by)) = By::ALL.iter().find(|(word, _)| *word == name) else {
            let span = Span { start, end: self.at };
            let words = By::ALL.map(|(word, _)| word);
            let hint = match closest(&name, words) {
                Some(near) => format!("did you mean `{near}:`?"),
                None => format!(
                    "assets are selected by {}",
                    words.map(|word| format!("`{word}:`")).join(", ")
                ),
            };
            return Err(self.error(span, format!("assets have no `{name}:` to be selected by"), hint));
        };
        self.at += 1;
        let pattern = self.value(start, *by == By::Tag)?;
        let value = if *by == By::Tag && self.peek() == Some('=') {
            self.at += 1;
            Some(self.value(start, false)?)
        } else {
            None
        };
        Ok(Token::Filter(*by, pattern, value))
    }

    /// What stands behind `:` or `=`.
    fn value(&mut self, start: usize, until_equals: bool) -> Result<Pattern, SelectionError> {
        if self.peek() == Some('"') || self.peek() == Some('\'') {
            return Ok(Pattern(self.quoted()?));
        }
        let value = self.run(|c| plain(c) && !(until_equals && c == '='));
        if value.is_empty() {
            let span = Span { start, end: self.at };
            let hint = "write it as `group:sales`, `tag:tier=gold` or `owner:\"team:sales data\"`";
            return Err(self.error(span, "a value is missing".into(), hint));
        }
        Ok(Pattern(value))
    }

    fn quoted(&mut self) -> Result<String, SelectionError> {
        let start = self.at;
        let quote = self.peek();
        self.at += 1;
        let text = self.run(|c| Some(c) != quote);
        if self.peek().is_none() {
            let span = Span { start, end: self.at };
            return Err(self.error(span, "a quote is not closed".into(), "close it"));
        }
        self.at += 1;
        Ok(text)
    }

    fn run(&mut self, fits: impl Fn(char) -> bool) -> String {
        let rest = &self.characters[self.at..];
        let text: String = rest.iter().copied().take_while(|c| fits(*c)).collect();
        self.at += text.chars().count();
        text
    }
}
