//! A YAML value that knows where it stands.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// Where a value starts in its file, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// From 1; 0 where nothing is known.
    pub line: u64,
    /// From 1, in characters.
    pub column: u64,
}

/// A YAML value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it is used; for an alias, where the alias stands.
    pub span: Span,
    /// What it is.
    pub kind: NodeKind,
}

/// What a YAML value is.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    List(Vec<Node>),
    /// Keys with values, in order. Keys are text; a key that is not is read as its text.
    Map(Vec<(Node, Node)>),
    /// Stands where a wrong value stood, while the rest of a document is checked; never in a document as loaded.
    Mended {
        /// Whether a list or map is read as if the value were not there.
        dropped: bool,
    },
}

impl Node {
    /// The value under a key of a map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            NodeKind::Map(entries) => entries
                .iter()
                .find(|(name, _)| name.text() == Some(key))
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The node under a JSON pointer; the key's own node where `key` is asked for and the pointer ends at a key.
    pub fn find(&self, pointer: &str, key: bool) -> Option<&Self> {
        let mut node = self;
        let parts: Vec<String> = pointer
            .split('/')
            .skip(1)
            .map(|part| part.replace("~1", "/").replace("~0", "~"))
            .collect();
        for (index, part) in parts.iter().enumerate() {
            node = match &node.kind {
                NodeKind::Map(entries) => {
                    let (name, value) = entries.iter().find(|(name, _)| name.text() == Some(part))?;
                    if key && index + 1 == parts.len() {
                        name
                    } else {
                        value
                    }
                }
                NodeKind::List(items) => items.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(node)
    }

    /// What the value is, for messages, with the value where it is short.
    pub fn describe(&self) -> String {
        match &self.kind {
            NodeKind::Null => "nothing".into(),
            NodeKind::Bool(value) => format!("the boolean `{value}`"),
            NodeKind::Int(value) => format!("the number `{value}`"),
            NodeKind::Float(value) => format!("the number `{value}`"),
            NodeKind::String(text) if text.chars().count() > 60 => {
                format!("the text `{}…`", text.chars().take(60).collect::<String>())
            }
            NodeKind::String(text) => format!("the text `{text}`"),
            NodeKind::List(_) => "a list".into(),
            NodeKind::Map(_) => "a map".into(),
            NodeKind::Mended { .. } => "a value already reported".into(),
        }
    }

    /// The value as JSON. Numbers that JSON cannot hold become text.
    pub fn json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            NodeKind::Null | NodeKind::Mended { .. } => Value::Null,
            NodeKind::Bool(value) => Value::Bool(*value),
            NodeKind::Int(value) => serde_json::Number::from_i128(*value)
                .map_or_else(|| Value::String(value.to_string()), Value::Number),
            NodeKind::Float(value) => serde_json::Number::from_f64(*value)
                .map_or_else(|| Value::String(value.to_string()), Value::Number),
            NodeKind::String(text) => Value::String(text.clone()),
            NodeKind::List(items) => Value::Array(items.iter().map(Self::json).collect()),
            NodeKind::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.text().unwrap_or_default().to_owned(), value.json()))
                    .collect(),
            ),
        }
    }

    /// The same node, less these keys where it is a map.
    #[must_use]
    pub fn without(&self, keys: &[&str]) -> Self {
        let kind = match &self.kind {
            NodeKind::Map(entries) => NodeKind::Map(
                entries
                    .iter()
                    .filter(|(key, _)| key.text().is_none_or(|text| !keys.contains(&text)))
                    .cloned()
                    .collect(),
            ),
            other => other.clone(),
        };
        Self {
            span: self.span,
            kind,
        }
    }

    /// An empty map, for a config that was left out.
    pub fn empty_map(span: Span) -> Self {
        Self {
            span,
            kind: NodeKind::Map(Vec::new()),
        }
    }
}

/// Appends a key or index to a JSON pointer.
pub(crate) fn push_pointer(pointer: &mut String, part: &str) {
    pointer.push('/');
    pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<NodeKind>::deserialize(deserializer)?;
        let span = Span {
            line: spanned.referenced.line(),
            column: spanned.referenced.column(),
        };
        Ok(Self {
            span,
            kind: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for NodeKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = NodeKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<NodeKind, E> {
        Ok(NodeKind::Null)
    }

    fn visit_none<E>(self) -> Result<NodeKind, E> {
        Ok(NodeKind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<NodeKind, D::Error> {
        NodeKind::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<NodeKind, E> {
        Ok(NodeKind::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<NodeKind, E> {
        Ok(NodeKind::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<NodeKind, E> {
        Ok(NodeKind::Int(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<NodeKind, E> {
        Ok(NodeKind::Int(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<NodeKind, E> {
        Ok(NodeKind::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<NodeKind, E> {
        Ok(NodeKind::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<NodeKind, E> {
        Ok(NodeKind::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<NodeKind, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(NodeKind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<NodeKind, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Node, Node>()? {
            let text = match &key.kind {
                NodeKind::String(text) => text.clone(),
                other => Node {
                    span: key.span,
                    kind: other.clone(),
                }
                .json()
                .to_string(),
            };
            map.push((
                Node {
                    span: key.span,
                    kind: NodeKind::String(text),
                },
                value,
            ));
        }
        Ok(NodeKind::Map(map))
    }
}
