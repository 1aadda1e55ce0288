//! serde's view of a node: remembers the pointer, so that an error says where.

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

use super::failure::Failure;
use crate::schema::node::{Node, NodeKind, push_pointer};

#[derive(Clone)]
pub(super) struct NodeDeserializer<'a> {
    node: &'a Node,
    pointer: String,
}

impl<'a> NodeDeserializer<'a> {
    pub(super) fn new(node: &'a Node) -> Self {
        Self {
            node,
            pointer: String::new(),
        }
    }

    fn child(&self, node: &'a Node, part: &str) -> Self {
        let mut pointer = self.pointer.clone();
        push_pointer(&mut pointer, part);
        Self { node, pointer }
    }

    fn refuse(&self, expected: &dyn de::Expected) -> Failure {
        let found = match &self.node.kind {
            NodeKind::Null | NodeKind::Mended { .. } => Unexpected::Unit,
            NodeKind::Bool(value) => Unexpected::Bool(*value),
            NodeKind::Int(value) => match i64::try_from(*value) {
                Ok(value) => Unexpected::Signed(value),
                Err(_) => Unexpected::Other("a number beyond 64 bits"),
            },
            NodeKind::Float(value) => Unexpected::Float(*value),
            NodeKind::String(text) => Unexpected::Str(text),
            NodeKind::List(_) => Unexpected::Seq,
            NodeKind::Map(_) => Unexpected::Map,
        };
        de::Error::invalid_type(found, expected)
    }

    fn integer<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Failure> {
        let value = match &self.node.kind {
            NodeKind::Int(value) => *value,
            NodeKind::Mended { .. } => 0,
            // YAML 1.2 reads `5_000_000` as text; people write it, and it can mean nothing else here.
            NodeKind::String(text) if text.starts_with(|c: char| c.is_ascii_digit()) => {
                match text.replace('_', "").parse() {
                    Ok(value) => value,
                    Err(_) => return Err(self.refuse(&visitor).at(&self.pointer)),
                }
            }
            _ => return Err(self.refuse(&visitor).at(&self.pointer)),
        };
        let visited = match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => visitor.visit_i64(value),
            (_, Ok(value)) => visitor.visit_u64(value),
            _ => visitor.visit_i128(value),
        };
        visited.map_err(|failure: Failure| failure.at(&self.pointer))
    }
}

/// Whether a list or map is read as if this value were not there.
fn dropped(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Mended { dropped: true })
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.integer(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.kind {
            NodeKind::Null => visitor.visit_unit(),
            // Read as nothing by whatever takes anything; reported already.
            NodeKind::Mended { .. } => visitor.visit_none(),
            NodeKind::Bool(value) => visitor.visit_bool(*value),
            NodeKind::Int(_) => return self.integer(visitor),
            NodeKind::Float(value) => visitor.visit_f64(*value),
            NodeKind::String(text) => visitor.visit_str(text),
            NodeKind::List(_) => return self.deserialize_seq(visitor),
            NodeKind::Map(_) => return self.deserialize_map(visitor),
        }
        .map_err(|failure: Failure| failure.at(&self.pointer))
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.kind {
            NodeKind::Bool(value) => visitor.visit_bool(*value),
            NodeKind::Mended { .. } => visitor.visit_bool(false),
            _ => Err(self.refuse(&visitor)),
        }
        .map_err(|failure| failure.at(&self.pointer))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.kind {
            NodeKind::Float(value) => visitor.visit_f64(*value),
            _ => return self.integer(visitor),
        }
        .map_err(|failure: Failure| failure.at(&self.pointer))
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.kind {
            NodeKind::String(text) => visitor.visit_str(text),
            NodeKind::Mended { .. } => visitor.visit_str(""),
            NodeKind::Bool(_) | NodeKind::Int(_) | NodeKind::Float(_) => {
                Err(self.refuse(&visitor).hint("put it in quotes to make it text"))
            }
            _ => Err(self.refuse(&visitor)),
        }
        .map_err(|failure: Failure| failure.at(&self.pointer))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.kind {
            NodeKind::Null | NodeKind::Mended { .. } => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let pointer = self.pointer.clone();
        visitor
            .visit_newtype_struct(self)
            .map_err(|failure| failure.at(&pointer))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let items: &[Node] = match &self.node.kind {
            NodeKind::List(items) => items,
            NodeKind::Mended { .. } => &[],
            _ => return Err(self.refuse(&visitor).at(&self.pointer)),
        };
        visitor
            .visit_seq(Items {
                parent: &self,
                items,
                next: 0,
            })
            .map_err(|failure| failure.at(&self.pointer))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let entries: &[(Node, Node)] = match &self.node.kind {
            NodeKind::Map(entries) => entries,
            NodeKind::Mended { .. } => &[],
            _ => return Err(self.refuse(&visitor).at(&self.pointer)),
        };
        visitor
            .visit_map(Entries {
                parent: &self,
                entries,
                next: 0,
            })
            .map_err(|failure| failure.at(&self.pointer))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let pointer = self.pointer.clone();
        visitor
            .visit_enum(Choice(self))
            .map_err(|failure| failure.at(&pointer))
    }

    serde::forward_to_deserialize_any! { bytes byte_buf unit unit_struct tuple_struct identifier ignored_any }
}

#[allow(clippy::struct_field_names, reason = "the items of the list")]
struct Items<'p, 'a> {
    parent: &'p NodeDeserializer<'a>,
    items: &'a [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        while let Some(item) = self.items.get(self.next) {
            let index = self.next;
            self.next += 1;
            if !dropped(item) {
                let child = self.parent.child(item, &index.to_string());
                let pointer = child.pointer.clone();
                return seed
                    .deserialize(child)
                    .map(Some)
                    .map_err(|failure| failure.at(&pointer));
            }
        }
        Ok(None)
    }
}

#[allow(clippy::struct_field_names, reason = "the entries of the map")]
struct Entries<'p, 'a> {
    parent: &'p NodeDeserializer<'a>,
    entries: &'a [(Node, Node)],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        while let Some((key, value)) = self.entries.get(self.next) {
            if dropped(value) {
                self.next += 1;
                continue;
            }
            let text: StrDeserializer<'_, Failure> = key.text().unwrap_or_default().into_deserializer();
            // An unknown key is the map's failure: the map's pointer stands, and the key's name goes with the reason.
            return seed
                .deserialize(text)
                .map(Some)
                .map_err(|failure| failure.at(&self.parent.pointer));
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let Some((key, value)) = self.entries.get(self.next) else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        self.next += 1;
        let child = self.parent.child(value, key.text().unwrap_or_default());
        let pointer = child.pointer.clone();
        seed.deserialize(child).map_err(|failure| failure.at(&pointer))
    }
}

/// A choice: text names a variant without content, a map of one key names a variant with it.
struct Choice<'a>(NodeDeserializer<'a>);

impl<'de, 'a> EnumAccess<'de> for Choice<'a> {
    type Error = Failure;
    type Variant = Content<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content<'a>), Failure> {
        let (name, content) = match &self.0.node.kind {
            NodeKind::String(text) => (text.as_str(), None),
            NodeKind::Map(entries) if entries.len() == 1 => {
                let (key, value) = &entries[0];
                let name = key.text().unwrap_or_default();
                (name, Some(self.0.child(value, name)))
            }
            NodeKind::Mended { .. } => ("", None),
            NodeKind::Map(entries) if entries.len() > 1 => {
                let names: Vec<String> = entries
                    .iter()
                    .map(|(key, _)| format!("`{}`", key.text().unwrap_or_default()))
                    .collect();
                let message = format!("expected one choice, found {}: {}", names.len(), names.join(", "));
                let failure = <Failure as de::Error>::custom(message).hint("keep one of them");
                return Err(failure.at(&self.0.pointer));
            }
            _ => return Err(self.0.refuse(&"one choice").at(&self.0.pointer)),
        };
        let text: StrDeserializer<'_, Failure> = name.into_deserializer();
        let variant = seed
            .deserialize(text)
            .map_err(|failure| failure.at(&self.0.pointer))?;
        Ok((
            variant,
            Content {
                content,
                pointer: self.0.pointer,
            },
        ))
    }
}

struct Content<'a> {
    content: Option<NodeDeserializer<'a>>,
    pointer: String,
}

impl<'a> Content<'a> {
    fn required(self) -> Result<NodeDeserializer<'a>, Failure> {
        let pointer = self.pointer;
        self.content.ok_or_else(|| {
            <Failure as de::Error>::custom("this choice needs keys of its own")
                .hint("write it as a map: the choice, a colon, then its keys indented or in braces")
                .at(&pointer)
        })
    }
}

impl<'de> VariantAccess<'de> for Content<'_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match self.content {
            None => Ok(()),
            Some(_) => {
                Err(<Failure as de::Error>::custom("this choice takes no further keys").at(&self.pointer))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(self.required()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.required()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.required()?.deserialize_map(visitor)
    }
}
