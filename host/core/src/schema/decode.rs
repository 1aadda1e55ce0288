//! A node to a Rust type through serde, finding everything that is wrong with it.
//!
//! Serde stops at the first error. So after each one the wrong value is taken out of a copy of the tree, or a missing
//! one put in, and the copy is decoded again, until it passes or nothing is left to mend. Errors that only follow from
//! a mended place are not reported. A document costs as many passes as it has errors.

mod deserializer;
mod failure;

use std::collections::HashSet;

use serde::de::DeserializeOwned;

use self::deserializer::NodeDeserializer;
use self::failure::{Failure, Reason};
use super::node::{Node, NodeKind, push_pointer};
use crate::error::{Error, Kind, Place};

/// Past this many errors a document is not looked at any further; nobody reads more.
const MAX_ERRORS: usize = 100;

/// Decodes a node. Errors carry JSON pointers relative to it.
pub fn decode<T: DeserializeOwned>(node: &Node) -> Result<T, Vec<Error>> {
    let mut tree = node.clone();
    let mut errors = Vec::new();
    let mut added = HashSet::new();
    // Each pass mends one place, and a place can be mended twice.
    for _ in 0..2 * MAX_ERRORS {
        match T::deserialize(NodeDeserializer::new(&tree)) {
            Ok(value) if errors.is_empty() => return Ok(value),
            Ok(_) => break,
            Err(failure) => {
                if !mend(&mut tree, failure, &mut errors, &mut added) || errors.len() >= MAX_ERRORS {
                    break;
                }
            }
        }
    }
    Err(errors)
}

/// Decodes a node that is a map, as if it did not have these keys.
pub fn decode_without<T: DeserializeOwned>(node: &Node, keys: &[&str]) -> Result<T, Vec<Error>> {
    decode(&node.without(keys))
}

/// Reports a failure unless it follows from an earlier one, and mends the tree; `false` where nothing can be mended.
fn mend(tree: &mut Node, failure: Failure, errors: &mut Vec<Error>, added: &mut HashSet<String>) -> bool {
    let Failure {
        pointer,
        reason,
        message,
        hint,
    } = failure;
    let Some(target) = find_mut(tree, &pointer) else {
        errors.push(report("schema.invalid_value", message, hint, pointer));
        return false;
    };
    match reason {
        Reason::UnknownKey(key) => {
            let mut at = pointer.clone();
            push_pointer(&mut at, &key);
            errors.push(report("schema.unknown_key", message, hint, at));
            if let NodeKind::Map(entries) = &mut target.kind {
                entries.retain(|(name, _)| name.text() != Some(key.as_str()));
            }
            true
        }
        Reason::MissingKey(key) => {
            let mut at = pointer.clone();
            push_pointer(&mut at, &key);
            if matches!(target.kind, NodeKind::Mended { .. }) || !added.insert(at.clone()) {
                return drop_value(target);
            }
            let known = find_mut(tree, &at).is_some();
            // A key that was misspelt is not reported as missing too.
            let misspelt = format!("did you mean `{key}`?");
            let reported = errors.iter().any(|error| {
                error.hint.as_ref() == Some(&misspelt)
                    && matches!(&error.place, Some(Place::Pointer(at)) if at.rsplit_once('/').is_some_and(|(map, _)| map == pointer))
            });
            if !known && !reported {
                errors.push(report("schema.missing_key", message, hint, pointer.clone()));
            }
            match find_mut(tree, &pointer).map(|node| (node.span, &mut node.kind)) {
                Some((span, NodeKind::Map(entries))) if !known => {
                    let name = Node {
                        span,
                        kind: NodeKind::String(key),
                    };
                    entries.push((
                        name,
                        Node {
                            span,
                            kind: NodeKind::Mended { dropped: false },
                        },
                    ));
                    true
                }
                _ => find_mut(tree, &pointer).is_some_and(drop_value),
            }
        }
        Reason::Value => {
            if matches!(target.kind, NodeKind::Mended { .. }) {
                return drop_value(target);
            }
            let code = if message.starts_with("expected") {
                "schema.wrong_type"
            } else {
                "schema.invalid_value"
            };
            errors.push(report(code, message, hint, pointer));
            target.kind = NodeKind::Mended { dropped: false };
            true
        }
    }
}

/// Takes a value out of its list or map; `false` where that was done already.
fn drop_value(node: &mut Node) -> bool {
    let dropped = NodeKind::Mended { dropped: true };
    if node.kind == dropped {
        return false;
    }
    node.kind = dropped;
    true
}

fn report(code: &str, message: String, hint: Option<String>, pointer: String) -> Error {
    let mut error = Error::new(Kind::Schema, code, message).at(Place::Pointer(pointer));
    error.hint = hint;
    error
}

fn find_mut<'a>(tree: &'a mut Node, pointer: &str) -> Option<&'a mut Node> {
    let mut node = tree;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        node = match &mut node.kind {
            NodeKind::Map(entries) => entries
                .iter_mut()
                .find(|(name, _)| name.text() == Some(part.as_str()))
                .map(|(_, value)| value)?,
            NodeKind::List(items) => items.get_mut(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(node)
}
