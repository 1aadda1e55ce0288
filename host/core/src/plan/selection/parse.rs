//! From words and signs to an expression. What binds most comes first: `+`, then `not`, `and`, and last `or` and `,`.

use super::error::{Fault, SelectionError};
use super::token::{Token, tokens};
use super::{By, Expression, Filter, Levels, Pattern, Span};

/// Deeper than anybody writes; a text of brackets must not use up the stack.
const MAX_DEPTH: usize = 100;

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
}

/// Reads the whole of a text.
pub(super) fn parse(text: &str) -> Result<Expression, SelectionError> {
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let found = parser.either()?;
    if parser.at < parser.tokens.len() {
        let hint = match parser.peek() {
            Some(Token::Close) => "remove it, or open it before",
            _ => "write `or` or `and` between two selections",
        };
        return Err(parser.error("nothing more was expected here", hint));
    }
    Ok(found)
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn span(&self) -> Span {
        let end = self.text.chars().count();
        let behind = Span {
            start: end,
            end: end + 1,
        };
        self.tokens.get(self.at).map_or(behind, |(_, span)| *span)
    }

    fn error(&self, message: &str, hint: &str) -> SelectionError {
        SelectionError {
            fault: Fault::Syntax,
            message: message.to_owned(),
            hint: hint.to_owned(),
            text: self.text.to_owned(),
            span: self.span(),
        }
    }

    /// Takes a word of the syntax, in small or capital letters.
    fn take(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(text)) if text.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn take_sign(&mut self, sign: &Token) -> bool {
        let found = self.peek() == Some(sign);
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<Expression, SelectionError> {
        let mut parts = vec![self.both()?];
        while self.take("or") || self.take_sign(&Token::Comma) {
            parts.push(self.both()?);
        }
        Ok(joined(parts, Expression::Or))
    }

    fn both(&mut self) -> Result<Expression, SelectionError> {
        let mut parts = vec![self.negated()?];
        while self.take("and") {
            parts.push(self.negated()?);
        }
        Ok(joined(parts, Expression::And))
    }

    fn negated(&mut self) -> Result<Expression, SelectionError> {
        let mut negated = false;
        while self.take("not") {
            negated = !negated;
        }
        let found = self.around()?;
        Ok(if negated {
            Expression::Not(Box::new(found))
        } else {
            found
        })
    }

    /// `+orders`, `2+orders`, `orders+`, `orders+2`.
    fn around(&mut self) -> Result<Expression, SelectionError> {
        let before = self.at;
        let levels = self.number();
        let up = if self.take_sign(&Token::Plus) {
            Some(levels.map_or(Levels::All, Levels::Some))
        } else {
            self.at = before;
            None
        };
        if up.is_some() && self.peek() == Some(&Token::Plus) {
            let hint = "write `2+orders` for two levels above `orders`, and `+orders` for all of them";
            return Err(self.error("a second `+` stands here", hint));
        }
        let of = self.one()?;
        let down = if self.take_sign(&Token::Plus) {
            Some(self.number().map_or(Levels::All, Levels::Some))
        } else {
            None
        };
        if down.is_some() && self.peek() == Some(&Token::Plus) {
            let hint = "write `orders+2` for two levels below `orders`, and `orders+` for all of them";
            return Err(self.error("a second `+` stands here", hint));
        }
        Ok(match (up, down) {
            (None, None) => of,
            (up, down) => Expression::Around {
                of: Box::new(of),
                up,
                down,
            },
        })
    }

    fn number(&mut self) -> Option<usize> {
        let Some(Token::Word(text)) = self.peek() else {
            return None;
        };
        let number = text.parse().ok()?;
        self.at += 1;
        Some(number)
    }

    fn one(&mut self) -> Result<Expression, SelectionError> {
        let span = self.span();
        match self.peek().cloned() {
            Some(Token::Open) => {
                self.at += 1;
                self.bracketed(span)
            }
            Some(Token::Filter(by, pattern, value)) => {
                self.at += 1;
                Ok(Expression::Filter(Filter {
                    by,
                    pattern,
                    value,
                    span,
                }))
            }
            Some(Token::Quoted(name)) => {
                self.at += 1;
                Ok(named(name, span))
            }
            Some(Token::Word(word)) => {
                if ["and", "or", "not"]
                    .iter()
                    .any(|known| word.eq_ignore_ascii_case(known))
                {
                    let hint = "an asset of that name is selected with `key:NAME`";
                    return Err(self.error(
                        &format!("`{word}` joins selections, and none stands before it"),
                        hint,
                    ));
                }
                self.at += 1;
                if self.take_sign(&Token::Open) {
                    return self.function(&word, span);
                }
                Ok(if word == "all" || word == "*" {
                    Expression::All
                } else {
                    named(word, span)
                })
            }
            Some(Token::Close | Token::Plus | Token::Comma) | None => Err(self.error(
                "a selection was expected here",
                "name an asset, or write `group:NAME`, `tag:KEY=VALUE`, `owner:NAME`, `kind:NAME` or `all`",
            )),
        }
    }

    fn function(&mut self, name: &str, span: Span) -> Result<Expression, SelectionError> {
        let make = match name {
            "roots" => Expression::Roots,
            "sinks" => Expression::Sinks,
            _ => {
                self.at -= 2;
                let message = format!("there is no function `{name}`");
                return Err(self.error(&message, "the functions are `roots(…)` and `sinks(…)`"));
            }
        };
        Ok(make(Box::new(self.bracketed(span)?)))
    }

    /// What stands between a bracket, taken already, and the one that closes it.
    fn bracketed(&mut self, open: Span) -> Result<Expression, SelectionError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("the brackets nest too deep", "write it without so many"));
        }
        let found = self.either()?;
        if !self.take_sign(&Token::Close) {
            let mut error = self.error("a bracket is not closed", "write `)` where it ends");
            if self.peek().is_none() {
                error.span = open;
            }
            return Err(error);
        }
        self.depth -= 1;
        Ok(found)
    }
}

/// A list and not pairs, so that a long row of them nests no deeper than a short one.
fn joined(mut parts: Vec<Expression>, by: impl Fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            by(parts)
        }
        None => by(parts),
    }
}

fn named(name: String, span: Span) -> Expression {
    Expression::Filter(Filter {
        by: By::Name,
        pattern: Pattern(name),
        value: None,
        span,
    })
}
