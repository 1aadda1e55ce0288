//! Types that the schema tells, in place of those that follow from its own.

use tidegate_core::port::Domain;
use tidegate_core::schema::Column;
use tidegate_core::types::LogicalType;

use super::types::{column_type, domain};
use super::wire::Wire;

/// A told type as `format_type` names it, and how values travel into it; none where they would not fit.
pub(super) fn told_type(column: &Column, told: &str) -> Option<(String, Wire)> {
    let told = canonical(told);
    let (own, own_wire) = column_type(column).ok()?;
    if told == own {
        return Some((told, own_wire));
    }
    let wire = match &column.data_type {
        LogicalType::Utf8 => match told.as_str() {
            "uuid" => Wire::Uuid,
            "jsonb" => Wire::Jsonb,
            "inet" => Wire::Inet,
            // What has a form of its own that is not text would be misread.
            other if BINARY.contains(&other) || other.starts_with("numeric") || other.ends_with("[]") => {
                return None;
            }
            // `json`, `varchar(n)`, `xml`, `citext`, and enums by their names.
            _ => Wire::Text,
        },
        LogicalType::FixedBinary(16) if told == "uuid" => Wire::Uuid,
        LogicalType::Struct(_) | LogicalType::Map(..) | LogicalType::List(_) if told == "json" => Wire::Text,
        LogicalType::List(_) if told == "jsonb" => Wire::Jsonb,
        LogicalType::Float32 if told == "double precision" => Wire::Float8,
        LogicalType::Decimal { precision, scale } => {
            let fits = match arguments(&told, "numeric") {
                // Without a limit.
                None => told == "numeric",
                Some((found, found_scale)) => {
                    let (precision, scale) = (i32::from(*precision), i32::from(*scale));
                    found_scale >= scale && found - found_scale >= precision - scale
                }
            };
            if !fits {
                return None;
            }
            Wire::Numeric
        }
        other => integer(other).and(match told.as_str() {
            "smallint" => Some(Wire::Int2),
            "integer" => Some(Wire::Int4),
            "bigint" => Some(Wire::Int8),
            "numeric" => Some(Wire::Numeric),
            _ => None,
        })?,
    };
    Some((told, wire))
}

/// Types whose binary form is not their text.
const BINARY: [&str; 20] = [
    "boolean",
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "bytea",
    "date",
    "interval",
    "time without time zone",
    "time with time zone",
    "timestamp without time zone",
    "timestamp with time zone",
    "cidr",
    "macaddr",
    "bit",
    "money",
    "point",
    "oid",
    "hstore",
];

/// The values that a column of a type holds.
pub(super) fn domains(data_type: &LogicalType, table_type: &str, wire: &Wire) -> Vec<Domain> {
    let between = |least: i64, greatest: i64| Domain::Between {
        least: least.into(),
        greatest: greatest.into(),
    };
    if let Some((least, greatest)) = integer(data_type) {
        let (low, high): (i64, i64) = match wire {
            Wire::Int2 => (i16::MIN.into(), i16::MAX.into()),
            Wire::Int4 => (i32::MIN.into(), i32::MAX.into()),
            Wire::Int8 => (i64::MIN, i64::MAX),
            _ => return Vec::new(),
        };
        let fits = i128::from(low) <= least && i128::from(high) >= greatest;
        return if fits {
            Vec::new()
        } else {
            vec![between(low, high)]
        };
    }
    let own = || domain(data_type).into_iter();
    match (data_type, wire, table_type) {
        (LogicalType::Utf8, Wire::Uuid, _) => vec![Domain::Uuid],
        (LogicalType::Utf8, Wire::Inet, _) => vec![Domain::Ipv6],
        (LogicalType::Utf8, Wire::Jsonb, _) | (LogicalType::Utf8, _, "json") => vec![Domain::Json],
        (LogicalType::Utf8, _, told) => own().chain(letters(told).map(Domain::Characters)).collect(),
        _ => own().collect(),
    }
}

/// The least and greatest value of a type of whole numbers.
fn integer(data_type: &LogicalType) -> Option<(i128, i128)> {
    Some(match data_type {
        LogicalType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        LogicalType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        LogicalType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        LogicalType::Int64 => (i64::MIN.into(), i64::MAX.into()),
        LogicalType::UInt8 => (0, u8::MAX.into()),
        LogicalType::UInt16 => (0, u16::MAX.into()),
        LogicalType::UInt32 => (0, u32::MAX.into()),
        LogicalType::UInt64 => (0, u64::MAX.into()),
        _ => return None,
    })
}

/// How many letters `character varying(n)` holds.
pub(super) fn letters(told: &str) -> Option<usize> {
    let inner = ["character varying(", "character("]
        .iter()
        .find_map(|start| told.strip_prefix(start))?;
    inner.strip_suffix(')')?.trim().parse().ok()
}

/// The two arguments of a type.
pub(super) fn arguments(told: &str, name: &str) -> Option<(i32, i32)> {
    let inner = told.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',').unwrap_or((inner, "0"));
    Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}

/// A type's name as the server writes it.
fn canonical(told: &str) -> String {
    let text = told.trim().to_ascii_lowercase();
    let (base, rest) = match text.find('(') {
        Some(at) => (text[..at].trim(), text[at..].replace(' ', "")),
        None => (text.as_str(), String::new()),
    };
    // https://www.postgresql.org/docs/current/datatype.html#DATATYPE-TABLE
    let base = match base {
        "int2" => "smallint",
        "int" | "int4" => "integer",
        "int8" => "bigint",
        "float4" => "real",
        "float8" | "float" => "double precision",
        "decimal" => "numeric",
        "bool" => "boolean",
        "varchar" => "character varying",
        "char" | "bpchar" => "character",
        "timestamptz" => "timestamp with time zone",
        "timestamp" => "timestamp without time zone",
        other => other,
    };
    // Without a scale there is none: numeric(9) is numeric(9,0).
    if base == "numeric" && !rest.is_empty() && !rest.contains(',') {
        return format!("numeric{},0)", rest.trim_end_matches(')'));
    }
    format!("{base}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ours: &str, theirs: &str) -> Option<(String, Wire)> {
        told_type(&Column::new("c", ours.parse().unwrap()), theirs)
    }

    #[test]
    fn a_told_type_must_hold_the_values() {
        for (ours, theirs, canonical, wire) in [
            ("utf8", "UUID", "uuid", Wire::Uuid),
            ("utf8", "varchar(20)", "character varying(20)", Wire::Text),
            ("utf8", "mood", "mood", Wire::Text),
            ("int64", "int4", "integer", Wire::Int4),
            ("uint64", "bigint", "bigint", Wire::Int8),
            ("decimal(9,2)", "decimal(12, 2)", "numeric(12,2)", Wire::Numeric),
            ("decimal(9,2)", "numeric", "numeric", Wire::Numeric),
            ("fixed_binary(16)", "uuid", "uuid", Wire::Uuid),
            ("struct(a: int8)", "json", "json", Wire::Text),
        ] {
            assert_eq!(
                told(ours, theirs),
                Some((canonical.to_owned(), wire)),
                "{ours} {theirs}"
            );
        }
        for (ours, theirs) in [
            ("utf8", "integer"),
            ("utf8", "timestamptz"),
            ("decimal(9,2)", "numeric(9)"),
            ("float64", "real"),
            ("int64", "text"),
            ("date32", "timestamp"),
        ] {
            assert_eq!(told(ours, theirs), None, "{ours} {theirs}");
        }
    }

    #[test]
    fn only_what_could_be_outside_is_looked_at() {
        let of = |ours: &str, theirs: &str| {
            let (theirs, wire) = told(ours, theirs).unwrap();
            domains(&ours.parse().unwrap(), &theirs, &wire)
        };
        assert_eq!(of("int8", "smallint"), []);
        assert_eq!(
            of("int64", "smallint"),
            [Domain::Between {
                least: -32_768,
                greatest: 32_767
            }]
        );
        assert_eq!(
            of("uint64", "bigint"),
            [Domain::Between {
                least: i64::MIN.into(),
                greatest: i64::MAX.into()
            }]
        );
        assert_eq!(
            of("utf8", "varchar(3)"),
            [Domain::WithoutNul, Domain::Characters(3)]
        );
        assert_eq!(of("utf8", "jsonb"), [Domain::Json]);
    }
}
