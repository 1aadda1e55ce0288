//! What kind of value an expression has, told before there is one.

use serde_json::Value;

use super::{ExpressionError, Node, Operator, Path};

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It cannot be told.
    Any,
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// A text.
    Text,
    /// A list.
    List,
    /// A map.
    Map,
}

impl Kind {
    /// What it is called.
    pub fn text(self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Bool => "a truth value",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Any,
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Map,
        }
    }

    fn is(self, other: Self) -> bool {
        self == other || self == Self::Any
    }
}

type Known<'a> = &'a dyn Fn(&Path) -> Result<Kind, String>;

pub(super) fn kind(node: &Node, known: Known<'_>) -> Result<Kind, ExpressionError> {
    match node {
        Node::Literal(value) => Ok(Kind::of(value)),
        Node::Path(path) => known(path).map_err(|message| ExpressionError::new(path.at, message)),
        Node::List(items) => {
            for item in items {
                kind(item, known)?;
            }
            Ok(Kind::List)
        }
        Node::Length(inner, at) => {
            let found = kind(inner, known)?;
            if matches!(found, Kind::Bool | Kind::Number) {
                let message = format!("{} has no length", found.text());
                return Err(ExpressionError::new(*at, message));
            }
            Ok(Kind::Number)
        }
        Node::Not(inner, at) => truth(inner, *at, known),
        Node::And(items) | Node::Or(items) => {
            for (item, at) in items {
                truth(item, *at, known)?;
            }
            Ok(Kind::Bool)
        }
        Node::Compare(left, operator, right, at) => {
            let (left, right) = (kind(left, known)?, kind(right, known)?);
            let possible = match operator {
                Operator::Equal | Operator::Unequal => left.is(right) || right == Kind::Any,
                Operator::In => {
                    right.is(Kind::List) || (left.is(Kind::Text) && matches!(right, Kind::Text | Kind::Map))
                }
                _ => {
                    (left.is(Kind::Number) && right.is(Kind::Number))
                        || (left.is(Kind::Text) && right.is(Kind::Text))
                }
            };
            if !possible {
                let message = format!("{} and {} cannot be compared so", left.text(), right.text());
                return Err(ExpressionError::new(*at, message));
            }
            Ok(Kind::Bool)
        }
    }
}

fn truth(node: &Node, at: usize, known: Known<'_>) -> Result<Kind, ExpressionError> {
    let found = kind(node, known)?;
    if found.is(Kind::Bool) {
        return Ok(Kind::Bool);
    }
    let message = format!(
        "{} is neither true nor false; compare it with something",
        found.text()
    );
    Err(ExpressionError::new(at, message))
}
