//! The value of an expression.

use std::cmp::Ordering;

use serde_json::Value;

use super::{ExpressionError, Node, Operator, Part, Path};

pub(super) fn evaluate(node: &Node, scope: &Value) -> Result<Value, ExpressionError> {
    Ok(match node {
        Node::Literal(value) => value.clone(),
        Node::List(items) => Value::Array(
            items
                .iter()
                .map(|item| evaluate(item, scope))
                .collect::<Result<_, _>>()?,
        ),
        Node::Path(path) => find(path, scope).cloned().unwrap_or_default(),
        Node::Length(inner, at) => {
            let length = match evaluate(inner, scope)? {
                Value::Array(items) => items.len(),
                Value::Object(entries) => entries.len(),
                Value::String(text) => text.chars().count(),
                other => {
                    let message = format!("{} has no length", named(&other));
                    return Err(ExpressionError::new(*at, message));
                }
            };
            Value::from(length)
        }
        Node::Not(inner, at) => Value::Bool(!truth(&evaluate(inner, scope)?, *at)?),
        Node::And(items) => Value::Bool(all(items, scope, true)?),
        Node::Or(items) => Value::Bool(!all(items, scope, false)?),
        Node::Compare(left, operator, right, at) => {
            let (left, right) = (evaluate(left, scope)?, evaluate(right, scope)?);
            Value::Bool(
                compare(&left, *operator, &right).map_err(|message| ExpressionError::new(*at, message))?,
            )
        }
    })
}

/// Whether all are so; those behind the first that is not are not asked.
fn all(items: &[(Node, usize)], scope: &Value, so: bool) -> Result<bool, ExpressionError> {
    for (item, at) in items {
        if truth(&evaluate(item, scope)?, *at)? != so {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn truth(value: &Value, at: usize) -> Result<bool, ExpressionError> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::Null => Ok(false),
        other => {
            let message = format!(
                "{} is neither true nor false; compare it with something",
                named(other)
            );
            Err(ExpressionError::new(at, message))
        }
    }
}

fn find<'a>(path: &Path, scope: &'a Value) -> Option<&'a Value> {
    let mut value = scope.get(&path.root)?;
    for part in &path.parts {
        value = match part {
            Part::Key(key) => value.get(key)?,
            Part::Index(index) => value.get(index)?,
        };
    }
    Some(value)
}

fn compare(left: &Value, operator: Operator, right: &Value) -> Result<bool, String> {
    if operator == Operator::In {
        return match (left, right) {
            (_, Value::Array(items)) => Ok(items.iter().any(|item| equal(left, item))),
            (Value::String(part), Value::String(text)) => Ok(text.contains(part.as_str())),
            (Value::String(key), Value::Object(entries)) => Ok(entries.contains_key(key)),
            (_, Value::Null) => Ok(false),
            _ => Err(format!("{} cannot be in {}", named(left), named(right))),
        };
    }
    let order = match operator {
        Operator::Equal => return Ok(equal(left, right)),
        Operator::Unequal => return Ok(!equal(left, right)),
        _ => order(left, right)
            .ok_or_else(|| format!("{} is neither more nor less than {}", named(left), named(right)))?,
    };
    Ok(match operator {
        Operator::Less => order == Ordering::Less,
        Operator::LessOrEqual => order != Ordering::Greater,
        Operator::Greater => order == Ordering::Greater,
        _ => order != Ordering::Less,
    })
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) => order(left, right) == Some(Ordering::Equal),
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
        _ => None,
    }
}

/// What a value is, for people; not the value itself, which may be long.
pub(super) fn named(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
