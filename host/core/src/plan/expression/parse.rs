//! From words and signs to an expression. What binds most comes first: comparison, `not`, `and`, `or`.

use serde_json::Value;

use super::token::{Token, tokens};
use super::{ExpressionError, Node, Operator, Part, Path};

/// Deeper than anybody writes; a text of brackets must not use up the stack.
const MAX_DEPTH: usize = 100;

/// What a path may begin with.
const ROOTS: &[&str] = &["steps", "item", "index", "run"];

struct Parser {
    tokens: Vec<(Token, usize)>,
    next: usize,
    /// Characters of the text.
    end: usize,
    depth: usize,
}

pub(super) fn parse(text: &str) -> Result<Node, ExpressionError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        end: text.chars().count(),
        depth: 0,
    };
    let node = parser.either()?;
    if parser.next < parser.tokens.len() {
        return Err(parser.error("nothing more was expected here; join two with `and` or `or`"));
    }
    Ok(node)
}

impl Parser {
    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(_, at)| *at)
    }

    fn error(&self, message: &str) -> ExpressionError {
        ExpressionError::new(self.at(), message)
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some((Token::Sign(found), _)) if *found == sign);
        self.next += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some((Token::Word(found), _)) if found == word);
        self.next += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<Node, ExpressionError> {
        self.joined("or", Self::both, Node::Or)
    }

    fn both(&mut self) -> Result<Node, ExpressionError> {
        self.joined("and", Self::negated, Node::And)
    }

    fn joined(
        &mut self,
        word: &str,
        inner: fn(&mut Self) -> Result<Node, ExpressionError>,
        join: fn(Vec<(Node, usize)>) -> Node,
    ) -> Result<Node, ExpressionError> {
        let at = self.at();
        let mut items = vec![(inner(self)?, at)];
        while self.take_word(word) {
            let at = self.at();
            items.push((inner(self)?, at));
        }
        Ok(if items.len() == 1 {
            items.remove(0).0
        } else {
            join(items)
        })
    }

    fn negated(&mut self) -> Result<Node, ExpressionError> {
        let at = self.at();
        if self.take_word("not") {
            let inner = self.deeper(Self::negated)?;
            return Ok(Node::Not(Box::new(inner), at));
        }
        self.compared()
    }

    fn compared(&mut self) -> Result<Node, ExpressionError> {
        let left = self.value()?;
        let at = self.at();
        let Some(operator) = self.operator() else {
            return Ok(left);
        };
        let right = self.value()?;
        let again = self.at();
        if self.operator().is_some() {
            return Err(ExpressionError::new(
                again,
                "one comparison does not go on with another; join two with `and`",
            ));
        }
        Ok(Node::Compare(Box::new(left), operator, Box::new(right), at))
    }

    fn operator(&mut self) -> Option<Operator> {
        if self.take_word("in") {
            return Some(Operator::In);
        }
        let operator = match self.tokens.get(self.next) {
            Some((Token::Sign("=="), _)) => Operator::Equal,
            Some((Token::Sign("!="), _)) => Operator::Unequal,
            Some((Token::Sign("<"), _)) => Operator::Less,
            Some((Token::Sign("<="), _)) => Operator::LessOrEqual,
            Some((Token::Sign(">"), _)) => Operator::Greater,
            Some((Token::Sign(">="), _)) => Operator::GreaterOrEqual,
            _ => return None,
        };
        self.next += 1;
        Some(operator)
    }

    fn deeper(
        &mut self,
        inner: fn(&mut Self) -> Result<Node, ExpressionError>,
    ) -> Result<Node, ExpressionError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("this is nested too deep"));
        }
        let node = inner(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn value(&mut self) -> Result<Node, ExpressionError> {
        let at = self.at();
        let Some((token, _)) = self.tokens.get(self.next).cloned() else {
            return Err(self.error("a value is missing"));
        };
        self.next += 1;
        match token {
            Token::Literal(value) => Ok(Node::Literal(value)),
            Token::Word(word) if word == "length" && self.take_sign("(") => {
                let inner = self.deeper(Self::either)?;
                self.close(")")?;
                Ok(Node::Length(Box::new(inner), at))
            }
            Token::Word(word) => self.path(word, at),
            Token::Sign("(") => {
                let inner = self.deeper(Self::either)?;
                self.close(")")?;
                Ok(inner)
            }
            Token::Sign("[") => self.list(),
            Token::Sign(sign) => Err(ExpressionError::new(
                at,
                format!("a value was expected, not `{sign}`"),
            )),
        }
    }

    fn close(&mut self, sign: &str) -> Result<(), ExpressionError> {
        if self.take_sign(sign) {
            Ok(())
        } else {
            Err(self.error(&format!("a `{sign}` is missing")))
        }
    }

    fn list(&mut self) -> Result<Node, ExpressionError> {
        let mut items = Vec::new();
        while !self.take_sign("]") {
            items.push(self.deeper(Self::either)?);
            if !self.take_sign(",") {
                self.close("]")?;
                break;
            }
        }
        Ok(Node::List(items))
    }

    fn path(&mut self, root: String, at: usize) -> Result<Node, ExpressionError> {
        if !ROOTS.contains(&root.as_str()) {
            let message = format!(
                "`{root}` is unknown; a value is a number, a text in quotes, or begins with one of {}",
                ROOTS.join(", ")
            );
            return Err(ExpressionError::new(at, message));
        }
        let mut parts = Vec::new();
        loop {
            if self.take_sign(".") {
                let Some((Token::Word(word), _)) = self.tokens.get(self.next).cloned() else {
                    return Err(self.error("a name was expected behind the `.`"));
                };
                self.next += 1;
                parts.push(Part::Key(word));
            } else if self.take_sign("[") {
                let part = match self.tokens.get(self.next) {
                    Some((Token::Literal(Value::String(key)), _)) => Some(Part::Key(key.clone())),
                    Some((Token::Literal(Value::Number(index)), _)) => {
                        let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
                        index.map(Part::Index)
                    }
                    _ => None,
                };
                let Some(part) = part else {
                    return Err(self.error("a place from 0 on, or a key in quotes, was expected here"));
                };
                self.next += 1;
                parts.push(part);
                self.close("]")?;
            } else {
                return Ok(Node::Path(Path { at, root, parts }));
            }
        }
    }
}
