//! Expressions over what came of a job's steps: `steps.extract.result.count > 0 and not run.partition == null`.
//!
//! Values are those of JSON. There is no arithmetic and nothing is called but `length(…)`, so each ends, and says the same
//! of the same results each time that it is asked.

mod evaluate;
mod kind;
mod parse;
mod token;

use serde_json::Value;

pub use kind::Kind as ValueKind;

/// What is wrong with an expression, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// Characters before the place.
    pub at: usize,
    /// What is wrong there.
    pub message: String,
}

impl ExpressionError {
    fn new(at: usize, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { at, message }
    }
}

/// An expression that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    root: Node,
}

/// A part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The value of a key.
    Key(String),
    /// The value at a place of a list, from 0.
    Index(usize),
}

/// A path to a value: `steps.extract.result.files[0]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Characters before it.
    pub at: usize,
    /// The word that it begins with: `steps`, `item`, `index` or `run`.
    pub root: String,
    /// What comes behind it.
    pub parts: Vec<Part>,
}

impl Path {
    /// The key at a place of it, if there is one.
    pub fn key(&self, index: usize) -> Option<&str> {
        match self.parts.get(index) {
            Some(Part::Key(key)) => Some(key),
            _ => None,
        }
    }
}

/// What stands between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// The left one is one of the right one's values, or a part of its text.
    In,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Literal(Value),
    List(Vec<Node>),
    Path(Path),
    /// How many values or characters.
    Length(Box<Node>, usize),
    Not(Box<Node>, usize),
    And(Vec<(Node, usize)>),
    Or(Vec<(Node, usize)>),
    Compare(Box<Node>, Operator, Box<Node>, usize),
}

impl Expression {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        Ok(Self {
            root: parse::parse(text)?,
        })
    }

    /// Its value. `scope` is a map with what paths begin with. A path that leads nowhere is `null`.
    pub fn evaluate(&self, scope: &Value) -> Result<Value, ExpressionError> {
        evaluate::evaluate(&self.root, scope)
    }

    /// Whether it holds; `null` does not. Any other value is refused.
    pub fn holds(&self, scope: &Value) -> Result<bool, ExpressionError> {
        evaluate::truth(&self.evaluate(scope)?, 0)
    }

    /// What kind of value it has, as far as it can be told without one. `known` tells the same of a path, or refuses it.
    pub fn kind(
        &self,
        known: &dyn Fn(&Path) -> Result<ValueKind, String>,
    ) -> Result<ValueKind, ExpressionError> {
        kind::kind(&self.root, known)
    }

    /// The paths in it, in order.
    pub fn paths(&self) -> Vec<&Path> {
        let mut found = Vec::new();
        collect(&self.root, &mut found);
        found
    }
}

fn collect<'a>(node: &'a Node, found: &mut Vec<&'a Path>) {
    match node {
        Node::Literal(_) => {}
        Node::Path(path) => found.push(path),
        Node::List(items) => items.iter().for_each(|item| collect(item, found)),
        Node::Length(inner, _) | Node::Not(inner, _) => collect(inner, found),
        Node::And(items) | Node::Or(items) => items.iter().for_each(|(item, _)| collect(item, found)),
        Node::Compare(left, _, right, _) => {
            collect(left, found);
            collect(right, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Value {
        json!({
            "steps": {"get-it": {"state": "succeeded", "result": {"count": 3, "files": ["a.csv", "b.csv"], "ok": true}}},
            "run": {"partition": null},
            "item": "b.csv",
        })
    }

    fn value(text: &str) -> Value {
        Expression::parse(text).unwrap().evaluate(&scope()).unwrap()
    }

    #[test]
    fn values_are_compared_and_joined() {
        for text in [
            "steps.get-it.result.count > 2 and steps.get-it.state == 'succeeded'",
            "not (steps.get-it.result.count >= 4 or false)",
            "item in steps.get-it.result.files",
            "'csv' in item",
            "length(steps.get-it.result.files) == 2",
            "steps.get-it.result['files'][1] == item",
            "steps.get-it.result.nothing.at.all == null",
            "steps.get-it.result.ok and run.partition == null",
            "1.0 == 1 and 'a' < \"b\" and 2 != 3 and -1 < 0",
            "true or steps.get-it.result.files",
        ] {
            assert_eq!(value(text), json!(true), "{text}");
        }
        assert_eq!(value("[1, 'x', [item]]"), json!([1, "x", ["b.csv"]]));
        assert!(
            !Expression::parse("run.partition")
                .unwrap()
                .holds(&scope())
                .unwrap()
        );
    }

    #[test]
    fn what_cannot_be_is_refused_where_it_stands() {
        for (text, at) in [
            ("", 0),
            ("steps.a.result >", 16),
            ("1 == 1 2", 7),
            ("(1 == 1", 7),
            ("a = 1", 2),
            ("item == 'x", 8),
            ("size(item)", 0),
            ("item == 1 == 2", 10),
            ("item[-1]", 5),
            ("things.a", 0),
            ("[1, ", 4),
            ("ünd", 0),
        ] {
            assert_eq!(Expression::parse(text).unwrap_err().at, at, "{text}");
        }
        let deep = format!("{}1{}", "(".repeat(500), ")".repeat(500));
        assert!(Expression::parse(&deep).is_err());
        for (text, at) in [
            ("1 < 'a'", 2),
            ("item and true", 0),
            ("length(1)", 0),
            ("1 in 2", 2),
        ] {
            let error = Expression::parse(text).unwrap().evaluate(&scope()).unwrap_err();
            assert_eq!(error.at, at, "{text}");
        }
    }

    #[test]
    fn kinds_are_told_before_there_are_values() {
        let known = |path: &Path| match path.key(1) {
            Some("state") => Ok(ValueKind::Text),
            Some("nothing") => Err("there is no such thing".to_owned()),
            _ => Ok(ValueKind::Any),
        };
        let kind = |text: &str| Expression::parse(text).unwrap().kind(&known);
        assert_eq!(kind("steps.a.state == 'failed'").unwrap(), ValueKind::Bool);
        assert_eq!(kind("[1]").unwrap(), ValueKind::List);
        assert_eq!(kind("item").unwrap(), ValueKind::Any);
        assert_eq!(kind("true and steps.a.state < 3").unwrap_err().at, 23);
        assert_eq!(kind("not steps.a.state").unwrap_err().at, 0);
        assert_eq!(kind("1 == steps.a.nothing").unwrap_err().at, 5);
    }
}
