//! The types of columns, as assets write them.

use tidegate_sdk::prelude::*;

/// Deeper nesting than this is refused, as in an asset.
const MAX_DEPTH: usize = 16;

/// The most digits of a decimal that fit 128 bits.
const MAX_DIGITS: u8 = 38;

/// The Arrow type of a type's text; an error says what is wrong with it.
pub(crate) fn data_type(text: &str) -> Result<DataType, String> {
    let mut parser = Parser { rest: text };
    let parsed = parser.data_type(0).map_err(|why| format!("`{text}` {why}"))?;
    if parser.rest.trim().is_empty() {
        Ok(parsed)
    } else {
        Err(format!("`{text}` has more behind the type"))
    }
}

/// A recursive descent over `name` or `name(argument, …)`.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn word(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '/' | '-' | '+')))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn take(&mut self, mark: char) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, mark: char) -> Result<(), String> {
        self.take(mark)
            .then_some(())
            .ok_or_else(|| format!("lacks a `{mark}`"))
    }

    fn data_type(&mut self, depth: usize) -> Result<DataType, String> {
        if depth > MAX_DEPTH {
            return Err(format!("is nested deeper than {MAX_DEPTH} levels"));
        }
        Ok(match self.word() {
            "boolean" => DataType::Boolean,
            "int8" => DataType::Int8,
            "int16" => DataType::Int16,
            "int32" => DataType::Int32,
            "int64" => DataType::Int64,
            "uint8" => DataType::UInt8,
            "uint16" => DataType::UInt16,
            "uint32" => DataType::UInt32,
            "uint64" => DataType::UInt64,
            "float32" => DataType::Float32,
            "float64" => DataType::Float64,
            "utf8" => DataType::Utf8,
            "date32" => DataType::Date32,
            "decimal" => self.decimal()?,
            "timestamp" => self.timestamp()?,
            "list" => {
                self.expect('(')?;
                let item = self.data_type(depth + 1)?;
                self.expect(')')?;
                DataType::List(Arc::new(Field::new_list_field(item, true)))
            }
            "struct" => self.structure(depth)?,
            "map" => self.map(depth)?,
            _ => {
                return Err(
                    "is none of the types that are read from JSON: boolean, int8 to int64, uint8 to uint64, \
                     float32, float64, decimal(p,s), utf8, date32, timestamp(unit, zone), list(…), struct(…), map(utf8, …)"
                        .into(),
                );
            }
        })
    }

    fn decimal(&mut self) -> Result<DataType, String> {
        let wrong =
            || format!("is no decimal: write decimal(p,s), with p from 1 to {MAX_DIGITS} and s up to p");
        self.expect('(')?;
        let precision: u8 = self.word().parse().map_err(|_| wrong())?;
        let scale: u8 = if self.take(',') {
            self.word().parse().map_err(|_| wrong())?
        } else {
            0
        };
        self.expect(')')?;
        if !(1..=MAX_DIGITS).contains(&precision) || scale > precision {
            return Err(wrong());
        }
        Ok(DataType::Decimal128(precision, scale as i8))
    }

    fn timestamp(&mut self) -> Result<DataType, String> {
        self.expect('(')?;
        let unit = match self.word() {
            "s" => TimeUnit::Second,
            "ms" => TimeUnit::Millisecond,
            "us" => TimeUnit::Microsecond,
            "ns" => TimeUnit::Nanosecond,
            _ => return Err("has no unit: it is s, ms, us or ns".into()),
        };
        let zone = if self.take(',') {
            match self.word() {
                "" => return Err("has no time zone behind the comma".into()),
                zone => Some(zone.into()),
            }
        } else {
            None
        };
        self.expect(')')?;
        Ok(DataType::Timestamp(unit, zone))
    }

    fn structure(&mut self, depth: usize) -> Result<DataType, String> {
        self.expect('(')?;
        let mut members: Vec<Field> = Vec::new();
        loop {
            let name = self.word();
            self.expect(':')?;
            if name.is_empty() || members.iter().any(|member| member.name() == name) {
                return Err("has a member without a name, or two of one name".into());
            }
            members.push(Field::new(name, self.data_type(depth + 1)?, true));
            if !self.take(',') {
                break;
            }
        }
        self.expect(')')?;
        Ok(DataType::Struct(members.into()))
    }

    fn map(&mut self, depth: usize) -> Result<DataType, String> {
        self.expect('(')?;
        if self.data_type(depth + 1)? != DataType::Utf8 {
            return Err("is no map of JSON: its keys are utf8".into());
        }
        self.expect(',')?;
        let value = self.data_type(depth + 1)?;
        self.expect(')')?;
        let pair = vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", value, true),
        ];
        let entries = Field::new("entries", DataType::Struct(pair.into()), false);
        Ok(DataType::Map(Arc::new(entries), false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_assets_write_them() {
        let parsed = |text| data_type(text).expect("a type");
        assert_eq!(parsed("uint16"), DataType::UInt16);
        assert_eq!(parsed("decimal(12, 2)"), DataType::Decimal128(12, 2));
        assert_eq!(parsed("decimal(9)"), DataType::Decimal128(9, 0));
        assert_eq!(
            parsed("timestamp(ms)"),
            DataType::Timestamp(TimeUnit::Millisecond, None)
        );
        assert_eq!(
            parsed("timestamp(us, America/New_York)"),
            DataType::Timestamp(TimeUnit::Microsecond, Some("America/New_York".into()))
        );
        assert_eq!(
            parsed("list(struct(a: int64, b: map(utf8, boolean)))").to_string(),
            data_type("list( struct( a : int64 , b : map( utf8 , boolean ) ) )")
                .expect("a type")
                .to_string()
        );
    }

    #[test]
    fn what_is_no_type_is_refused_with_a_reason() {
        let deep = format!("{}int8{}", "list(".repeat(40), ")".repeat(40));
        for (text, words) in [
            ("string", "none of the types"),
            ("int64 x", "more behind the type"),
            ("decimal(39,2)", "is no decimal"),
            ("decimal(3,4)", "is no decimal"),
            ("timestamp(min)", "no unit"),
            ("timestamp(ms, )", "no time zone"),
            ("list(int8", "lacks a `)`"),
            ("map(int8, int8)", "keys are utf8"),
            ("struct(a: int8, a: int8)", "two of one name"),
            (deep.as_str(), "nested deeper"),
        ] {
            let why = data_type(text).expect_err("an error");
            assert!(why.contains(words), "{text}: {why}");
        }
    }
}
