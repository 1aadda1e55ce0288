//! Goes through a document along the tree of pointers.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::slot::{Row, Scalar};
use crate::tree::{Step, Tree};

/// Puts what a document has at the places of the tree into the row.
pub fn read(document: &str, tree: &Tree, row: &mut Row) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(document);
    Place { tree, row }.deserialize(&mut deserializer)?;
    deserializer.end()
}

/// A place in a document, and where its values go.
struct Place<'a> {
    tree: &'a Tree,
    row: &'a mut Row,
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { tree, row } = self;
        if tree.texts.is_empty() {
            return deserializer.deserialize_any(Self { tree, row });
        }
        let raw: &RawValue = serde::Deserialize::deserialize(deserializer)?;
        row.put_text(&tree.texts, raw.get());
        if tree.values.is_empty() && tree.below.is_empty() {
            return Ok(());
        }
        // What stands here is wanted as text and for what is in it: it is gone through once more.
        let mut inner = serde_json::Deserializer::from_str(raw.get());
        inner
            .deserialize_any(Self { tree, row })
            .map_err(D::Error::custom)
    }
}

/// A value that is not in an array or object.
macro_rules! scalar {
    ($visit:ident, $native:ty, $value:ident => $scalar:expr) => {
        fn $visit<E: Error>(self, $value: $native) -> Result<(), E> {
            self.row.put(&self.tree.values, $scalar);
            Ok(())
        }
    };
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("JSON")
    }

    scalar!(visit_bool, bool, value => Scalar::Boolean(value));
    scalar!(visit_i64, i64, value => Scalar::Integer(value));
    scalar!(visit_u64, u64, value => i64::try_from(value).map_or(Scalar::Unsigned(value), Scalar::Integer));
    scalar!(visit_f64, f64, value => Scalar::Float(value));
    scalar!(visit_str, &str, value => Scalar::Text(value));

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.row.put(&self.tree.values, Scalar::Null);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.row.put_wrong(&self.tree.values, "an object");
        while let Some(found) = map.next_key_seed(Key(&self.tree.below))? {
            match found {
                Some(step) => map.next_value_seed(Place {
                    tree: &step.tree,
                    row: &mut *self.row,
                })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.row.put_wrong(&self.tree.values, "an array");
        for index in 0_usize.. {
            let below = self.tree.below.iter().find(|step| step.index == Some(index));
            let went_on = match below {
                Some(step) => {
                    let tree = &step.tree;
                    let row = &mut *self.row;
                    seq.next_element_seed(Place { tree, row })?.is_some()
                }
                None => seq.next_element::<IgnoredAny>()?.is_some(),
            };
            if !went_on {
                break;
            }
        }
        Ok(())
    }
}

/// Finds the step of an object's key, without keeping the key.
struct Key<'a>(&'a [Step]);

impl<'de, 'a> DeserializeSeed<'de> for Key<'a> {
    type Value = Option<&'a Step>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Key<'a> {
    type Value = Option<&'a Step>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|step| step.key == key))
    }
}
