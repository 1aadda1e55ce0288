//! Texts with values in them: `load {{ item }}`.

use serde_json::Value;

use super::expression::{Expression, ExpressionError};

/// A text with expressions in double braces.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    /// With the characters before it.
    Value(Expression, usize),
}

impl Template {
    /// Reads a text. What stands between `{{` and `}}` is an expression.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        let mut at = 0;
        while let Some(open) = rest.find("{{") {
            let before = &rest[..open];
            at += before.chars().count();
            let Some(length) = rest[open + 2..].find("}}") else {
                return Err(ExpressionError {
                    at,
                    message: "`{{` is not closed with `}}`".to_owned(),
                });
            };
            let inner = &rest[open + 2..open + 2 + length];
            let start = at + 2;
            let expression = Expression::parse(inner).map_err(|error| moved(error, start))?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Value(expression, start));
            at = start + inner.chars().count() + 2;
            rest = &rest[open + length + 4..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self { pieces })
    }

    /// The expressions, each with the characters before it.
    pub fn expressions(&self) -> impl Iterator<Item = (&Expression, usize)> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Value(expression, at) => Some((expression, *at)),
        })
    }

    /// The text with each value as `written` has it.
    pub fn fill(&self, scope: &Value, written: &dyn Fn(&Value) -> String) -> Result<String, ExpressionError> {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Value(expression, at) => {
                    let value = expression.evaluate(scope).map_err(|error| moved(error, *at))?;
                    if value.is_null() {
                        let message = "the value is null".to_owned();
                        return Err(ExpressionError { at: *at, message });
                    }
                    filled.push_str(&written(&value));
                }
            }
        }
        Ok(filled)
    }

    /// The value itself, where the text is nothing but one; else the text, filled.
    pub fn value(&self, scope: &Value) -> Result<Value, ExpressionError> {
        match self.pieces.as_slice() {
            [Piece::Value(expression, at)] => expression.evaluate(scope).map_err(|error| moved(error, *at)),
            _ => self.fill(scope, &plain).map(Value::String),
        }
    }
}

/// A value as text: a text as it is, all else as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn moved(error: ExpressionError, by: usize) -> ExpressionError {
    ExpressionError {
        at: error.at + by,
        ..error
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_stand_in_texts_and_alone_keep_their_kind() {
        let scope = json!({"item": {"n": 3, "of": ["a", "b"]}});
        let template = |text: &str| Template::parse(text).unwrap();
        let filled = template("n={{ item.n }}, {{item.of}} {x}").fill(&scope, &plain);
        assert_eq!(filled.unwrap(), "n=3, [\"a\",\"b\"] {x}");
        assert_eq!(
            template("{{ item.of }}").value(&scope).unwrap(),
            json!(["a", "b"])
        );
        assert_eq!(template("{{ item.n }}!").value(&scope).unwrap(), json!("3!"));
        assert_eq!(Template::parse("ab {{ item. }}").unwrap_err().at, 12);
        assert_eq!(Template::parse("ab {{ item").unwrap_err().at, 3);
        assert_eq!(template("ab{{ item.m }}").fill(&scope, &plain).unwrap_err().at, 4);
    }
}
