//! Times and sizes as people write them: `200ms`, `10m`, `32MiB`.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// A length of time, in milliseconds; written `200ms`, `10s`, `5m`, `2h` or `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(into = "String")]
pub struct Millis(pub u64);

/// A size, in bytes; written `512B`, `64KiB`, `32MiB`, `1GiB`, or with decimal units `64kB`, `32MB`, `1GB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(into = "String")]
pub struct ByteSize(pub u64);

const TIMES: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '_')?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.replace('_', "").parse().ok()?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.checked_mul(*factor)
}

fn format(value: u64, units: &[(&str, u64)]) -> String {
    let (name, factor) = units
        .iter()
        .filter(|(_, factor)| value.is_multiple_of(*factor))
        .max_by_key(|(_, factor)| if value == 0 { u64::MAX - factor } else { *factor })
        .copied()
        .unwrap_or(units[0]);
    format!("{}{name}", value / factor)
}

impl TryFrom<String> for Millis {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse(&text, TIMES).map(Self).ok_or_else(|| {
            format!("`{text}` is not a length of time; write for example `200ms`, `10s`, `5m`, `2h` or `7d`")
        })
    }
}

/// Reads text with a unit; a bare number is refused with what it lacks.
struct WithUnit<T>(&'static str, PhantomData<T>);

impl<T: TryFrom<String, Error = String> + Default> Visitor<'_> for WithUnit<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        T::try_from(text.to_owned()).map_err(E::custom)
    }

    // A value that was reported already.
    fn visit_none<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a time with its unit, such as `200ms` or `10s`";
        deserializer.deserialize_any(WithUnit(expected, PhantomData))
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a size with its unit, such as `512KiB` or `32MiB`";
        deserializer.deserialize_any(WithUnit(expected, PhantomData))
    }
}

impl From<Millis> for String {
    fn from(value: Millis) -> Self {
        format(value.0, TIMES)
    }
}

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse(&text, SIZES)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a size; write for example `512KiB`, `32MiB` or `1GiB`"))
    }
}

impl From<ByteSize> for String {
    fn from(value: ByteSize) -> Self {
        format(value.0, SIZES)
    }
}

impl std::fmt::Display for ByteSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from(*self))
    }
}

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from(*self))
    }
}

impl JsonSchema for Millis {
    fn schema_name() -> Cow<'static, str> {
        "Millis".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9_]+ ?(ms|s|m|h|d)$",
            "description": "A length of time, such as 200ms, 10s, 5m, 2h or 7d."
        })
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9_]+ ?(B|KiB|MiB|GiB|kB|MB|GB)$",
            "description": "A size, such as 512KiB, 32MiB or 1GiB."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteSize, Millis};

    #[test]
    fn times_and_sizes_are_read_and_written() {
        assert_eq!(Millis::try_from("200ms".to_owned()), Ok(Millis(200)));
        assert_eq!(Millis::try_from("2h".to_owned()), Ok(Millis(7_200_000)));
        assert_eq!(ByteSize::try_from("32MiB".to_owned()), Ok(ByteSize(33_554_432)));
        assert_eq!(ByteSize::try_from("1_000 kB".to_owned()), Ok(ByteSize(1_000_000)));
        assert!(Millis::try_from("10".to_owned()).is_err());
        assert!(ByteSize::try_from("99999999999GiB".to_owned()).is_err());
        assert_eq!(ByteSize(33_554_432).to_string(), "32MiB");
        assert_eq!(Millis(90_000).to_string(), "90s");
        assert_eq!(Millis(0).to_string(), "0ms");
    }
}
