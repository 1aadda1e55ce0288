//! Slices by the values of a column.

use super::PartitionError;
use crate::plan::AssetName;
use crate::types::LogicalType;

/// How long a value may be, as the name of a folder: what must be escaped there counts three bytes. With a time behind it,
/// it fits the 255 bytes that file systems allow.
const MAX_BYTES: usize = 200;

/// Slices by value: a row is in the slice of the value that its column has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueSlices {
    /// Which values there are.
    pub values: Values,
    /// The column, of text or whole numbers, whose value says which slice a row belongs to.
    pub column: Option<String>,
}

/// Which values there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// These, in this order.
    Static(Vec<String>),
    /// Those that the state keeps under a name, in the order of their bytes.
    Dynamic(AssetName),
}

impl ValueSlices {
    /// Whether the value may name a slice: one of the static ones, or one that could be added to the dynamic ones.
    pub(super) fn check(&self, value: &str) -> Result<(), PartitionError> {
        match &self.values {
            Values::Dynamic(_) => check_value(value),
            Values::Static(known) if known.iter().any(|known| known == value) => Ok(()),
            Values::Static(known) => {
                // A list of hundreds tells nobody anything.
                let mut names: Vec<String> = known.iter().take(10).map(|key| format!("`{key}`")).collect();
                if known.len() > names.len() {
                    names.push(format!("and {} more", known.len() - names.len()));
                }
                Err(PartitionError::Value(value.to_owned(), names.join(", ")))
            }
        }
    }
}

/// Refuses what cannot name a slice: it becomes a folder, a part of a URL, and a part of a key of two.
pub fn check_value(value: &str) -> Result<(), PartitionError> {
    let refused = |why: &'static str| Err(PartitionError::Unsafe(value.escape_debug().to_string(), why));
    let bytes: usize = value
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte) {
                1
            } else {
                3
            }
        })
        .sum();
    if value.is_empty() {
        return refused("it is empty");
    }
    if bytes > MAX_BYTES {
        return refused(
            "it has more than 200 bytes, where all but ASCII letters, digits, `-`, `_`, `.` and `=` count three",
        );
    }
    if value.chars().any(char::is_control) {
        return refused("it has a control character");
    }
    if value.contains(['|', '/', '\\']) {
        return refused("it has a `|`, `/` or `\\`");
    }
    if value.contains("..") || value == "." {
        return refused("it is `.`, or has `..` in it");
    }
    if value.trim() != value {
        return refused("it begins or ends with white space");
    }
    Ok(())
}

/// Whether a column can hold the value, and has one way to write it.
pub fn fits_column(data_type: &LogicalType, value: &str) -> bool {
    let whole = |least: i128, greatest: i128| {
        value
            .parse::<i128>()
            .is_ok_and(|number| number.to_string() == value && (least..=greatest).contains(&number))
    };
    match data_type {
        LogicalType::Utf8 => true,
        LogicalType::Int8 => whole(i8::MIN.into(), i8::MAX.into()),
        LogicalType::Int16 => whole(i16::MIN.into(), i16::MAX.into()),
        LogicalType::Int32 => whole(i32::MIN.into(), i32::MAX.into()),
        LogicalType::Int64 => whole(i64::MIN.into(), i64::MAX.into()),
        LogicalType::UInt8 => whole(0, u8::MAX.into()),
        LogicalType::UInt16 => whole(0, u16::MAX.into()),
        LogicalType::UInt32 => whole(0, u32::MAX.into()),
        LogicalType::UInt64 => whole(0, u64::MAX.into()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_unsafe_as_a_folder_or_in_a_key_is_refused() {
        for good in ["eu", "a b", "é", "customer-17", "x.y=z", "-", "42", "a:b"] {
            assert_eq!(check_value(good), Ok(()), "{good}");
        }
        let long = "x".repeat(201);
        let wide = "é".repeat(34);
        for bad in [
            "", "a|b", "../x", "a/b", "a\\b", "a\nb", "a\0", " a", "a ", ".", "..", "a...b", &long, &wide,
        ] {
            assert!(
                matches!(check_value(bad), Err(PartitionError::Unsafe(..))),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_number_has_one_spelling() {
        assert!(fits_column(&LogicalType::Int8, "-128"));
        for bad in ["128", "+1", "01", "1.0", "x"] {
            assert!(!fits_column(&LogicalType::Int8, bad), "{bad}");
        }
        assert!(fits_column(&LogicalType::Utf8, "01"));
        assert!(!fits_column(&LogicalType::Date32, "2024-01-01"));
    }
}
