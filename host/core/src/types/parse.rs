//! Type text to [`LogicalType`]: a recursive descent over `name` or `name(argument, …)`.

use super::logical::{LogicalField, LogicalType, TimeUnit};

/// Deeper nesting than this is refused: no table needs it, and the parser recurses.
const MAX_DEPTH: usize = 16;

/// The types' names, for suggestions.
const NAMES: &[&str] = &[
    "boolean",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "decimal",
    "utf8",
    "binary",
    "fixed_binary",
    "date32",
    "time64",
    "timestamp",
    "duration",
    "list",
    "struct",
    "map",
];

/// What other systems call our types, so that a newcomer's first guess is answered.
const FOREIGN: &[(&str, &str)] = &[
    ("bool", "boolean"),
    ("string", "utf8"),
    ("str", "utf8"),
    ("text", "utf8"),
    ("varchar", "utf8"),
    ("int", "int64"),
    ("integer", "int32"),
    ("bigint", "int64"),
    ("smallint", "int16"),
    ("float", "float64"),
    ("double", "float64"),
    ("real", "float32"),
    ("date", "date32"),
    ("datetime", "timestamp(us)"),
    ("numeric", "decimal(p,s)"),
    ("bytes", "binary"),
    ("uuid", "fixed_binary(16)"),
    ("array", "list(type)"),
];

/// Why a type's text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseTypeError {
    /// No type has that name.
    #[error("`{0}` is not a type{suggestion}", suggestion = suggestion(.0))]
    Unknown(String),
    /// The type takes other arguments.
    #[error("`{0}`: {1}")]
    Argument(String, &'static str),
    /// Something follows the type, or a parenthesis is missing.
    #[error("`{0}` is not a type: {1}")]
    Syntax(String, &'static str),
}

fn suggestion(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if let Some((_, ours)) = FOREIGN.iter().find(|(theirs, _)| *theirs == lower) {
        return format!("; Tidegate calls it `{ours}`");
    }
    match crate::schema::closest(&lower, NAMES.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; the types are {}", NAMES.join(", ")),
    }
}

impl std::str::FromStr for LogicalType {
    type Err = ParseTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parser = Parser {
            whole: text,
            rest: text,
        };
        let parsed = parser.parse_type(0)?;
        if parser.rest.trim().is_empty() {
            Ok(parsed)
        } else {
            Err(parser.syntax("unexpected text after the type"))
        }
    }
}

impl TryFrom<String> for LogicalType {
    type Error = ParseTypeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

struct Parser<'a> {
    whole: &'a str,
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn syntax(&self, why: &'static str) -> ParseTypeError {
        ParseTypeError::Syntax(self.whole.to_owned(), why)
    }

    fn argument(&self, why: &'static str) -> ParseTypeError {
        ParseTypeError::Argument(self.whole.to_owned(), why)
    }

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
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, mark: char, why: &'static str) -> Result<(), ParseTypeError> {
        if self.take(mark) {
            Ok(())
        } else {
            Err(self.syntax(why))
        }
    }

    fn parse_type(&mut self, depth: usize) -> Result<LogicalType, ParseTypeError> {
        if depth > MAX_DEPTH {
            return Err(self.syntax("nested deeper than 16 levels"));
        }
        let name = self.word().to_owned();
        Ok(match name.as_str() {
            "boolean" => LogicalType::Boolean,
            "int8" => LogicalType::Int8,
            "int16" => LogicalType::Int16,
            "int32" => LogicalType::Int32,
            "int64" => LogicalType::Int64,
            "uint8" => LogicalType::UInt8,
            "uint16" => LogicalType::UInt16,
            "uint32" => LogicalType::UInt32,
            "uint64" => LogicalType::UInt64,
            "float32" => LogicalType::Float32,
            "float64" => LogicalType::Float64,
            "utf8" => LogicalType::Utf8,
            "binary" => LogicalType::Binary,
            "date32" => LogicalType::Date32,
            "decimal" => self.decimal()?,
            "fixed_binary" => self.fixed_binary()?,
            "time64" => self.time64()?,
            "timestamp" => self.timestamp()?,
            "duration" => {
                self.expect('(', "write duration(ms)")?;
                let unit = self.unit()?;
                self.expect(')', "`)` is missing")?;
                LogicalType::Duration(unit)
            }
            "list" => {
                self.expect('(', "write list(type)")?;
                let item = self.parse_type(depth + 1)?;
                self.expect(')', "`)` is missing")?;
                LogicalType::List(Box::new(item))
            }
            "map" => {
                self.expect('(', "write map(key, value)")?;
                let key = self.parse_type(depth + 1)?;
                self.expect(',', "write map(key, value)")?;
                let value = self.parse_type(depth + 1)?;
                self.expect(')', "`)` is missing")?;
                LogicalType::Map(Box::new(key), Box::new(value))
            }
            "struct" => self.structure(depth)?,
            _ => return Err(ParseTypeError::Unknown(name)),
        })
    }

    fn decimal(&mut self) -> Result<LogicalType, ParseTypeError> {
        self.expect('(', "write decimal(precision,scale)")?;
        let precision: u8 = self.number()?;
        let scale: i8 = if self.take(',') { self.number()? } else { 0 };
        self.expect(')', "`)` is missing")?;
        if !(1..=76).contains(&precision) {
            return Err(self.argument("precision must be 1 to 76"));
        }
        if scale < 0 || scale as u8 > precision {
            return Err(self.argument("scale must be 0 to the precision"));
        }
        Ok(LogicalType::Decimal { precision, scale })
    }

    fn fixed_binary(&mut self) -> Result<LogicalType, ParseTypeError> {
        self.expect('(', "write fixed_binary(length)")?;
        let length: i32 = self.number()?;
        self.expect(')', "`)` is missing")?;
        if !(1..=65_536).contains(&length) {
            return Err(self.argument("length must be 1 to 65536"));
        }
        Ok(LogicalType::FixedBinary(length))
    }

    fn time64(&mut self) -> Result<LogicalType, ParseTypeError> {
        self.expect('(', "write time64(us)")?;
        let unit = self.unit()?;
        self.expect(')', "`)` is missing")?;
        match unit {
            TimeUnit::Microsecond | TimeUnit::Nanosecond => Ok(LogicalType::Time64(unit)),
            _ => Err(self.argument("the unit must be us or ns")),
        }
    }

    fn timestamp(&mut self) -> Result<LogicalType, ParseTypeError> {
        self.expect('(', "write timestamp(ms) or timestamp(ms, UTC)")?;
        let unit = self.unit()?;
        let zone = if self.take(',') {
            Some(self.word().to_owned())
        } else {
            None
        };
        self.expect(')', "`)` is missing")?;
        match &zone {
            Some(name) if name.parse::<chrono_tz::Tz>().is_err() => Err(self.argument(
                "the zone is not in the IANA time zone database; write for example UTC or Europe/London",
            )),
            _ => Ok(LogicalType::Timestamp(unit, zone)),
        }
    }

    fn structure(&mut self, depth: usize) -> Result<LogicalType, ParseTypeError> {
        self.expect('(', "write struct(name: type, …)")?;
        let mut fields: Vec<LogicalField> = Vec::new();
        loop {
            let name = self.word().to_owned();
            if name.is_empty() {
                return Err(self.syntax("a member's name is missing"));
            }
            self.expect(':', "write struct(name: type, …)")?;
            let data_type = self.parse_type(depth + 1)?;
            if fields.iter().any(|field| field.name == name) {
                return Err(self.argument("two members have one name"));
            }
            fields.push(LogicalField { name, data_type });
            if !self.take(',') {
                break;
            }
        }
        self.expect(')', "`)` is missing")?;
        Ok(LogicalType::Struct(fields))
    }

    fn unit(&mut self) -> Result<TimeUnit, ParseTypeError> {
        match self.word() {
            "s" => Ok(TimeUnit::Second),
            "ms" => Ok(TimeUnit::Millisecond),
            "us" => Ok(TimeUnit::Microsecond),
            "ns" => Ok(TimeUnit::Nanosecond),
            _ => Err(self.argument("the unit must be s, ms, us or ns")),
        }
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, ParseTypeError> {
        let word = self.word();
        word.parse()
            .map_err(|_| self.argument("a whole number is expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_back_from_its_own_text() {
        for text in [
            "boolean",
            "int8",
            "uint64",
            "float32",
            "decimal(12,2)",
            "decimal(76,10)",
            "utf8",
            "binary",
            "fixed_binary(16)",
            "date32",
            "time64(us)",
            "timestamp(ms)",
            "timestamp(ms, UTC)",
            "timestamp(us, America/New_York)",
            "duration(s)",
            "list(list(int8))",
            "struct(a: int64, b: list(utf8))",
            "map(utf8, struct(x: float64))",
        ] {
            assert_eq!(text.parse::<LogicalType>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_type_is_refused_with_a_way_out() {
        let message = |text: &str| text.parse::<LogicalType>().unwrap_err().to_string();
        assert_eq!(
            message("string"),
            "`string` is not a type; Tidegate calls it `utf8`"
        );
        assert_eq!(message("intt64"), "`intt64` is not a type; did you mean `int64`?");
        assert!(message("decimal(80,2)").contains("precision must be 1 to 76"));
        assert!(message("decimal(10,11)").contains("scale must be 0 to the precision"));
        assert!(message("timestamp(ms, Mars/Base)").contains("IANA"));
        assert!(message("list(int8").contains("`)` is missing"));
        assert!(message("int8 x").contains("unexpected text"));
        assert!(message(&format!("{}int8{}", "list(".repeat(40), ")".repeat(40))).contains("16 levels"));
    }
}
