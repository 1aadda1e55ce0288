//! Values as Postgres's binary `COPY` carries them (<https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.55.9.4>;
//! each type's form is that of its `send` and `recv` functions in `src/backend/utils/adt`).

use serde::{Deserialize, Serialize};

/// What stands before the rows: a signature, no flags, no extension.
pub(super) const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What stands behind them.
pub(super) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// The length of a value that is missing.
pub(super) const MISSING: i32 = -1;

/// Postgres counts days from 2000-01-01 (`POSTGRES_EPOCH_JDATE`), Arrow from 1970-01-01.
pub(super) const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub(super) const EPOCH_US: i64 = 946_684_800_000_000;
/// Microseconds of a day.
pub(super) const DAY_US: i64 = 86_400_000_000;

/// The first day, 4714-11-24 BC, in days from 1970-01-01 (`IS_VALID_DATE` in `src/include/datatype/timestamp.h`).
pub(super) const FIRST_DAY: i64 = -2_440_588;
/// The last day, 5874897-12-31, likewise.
pub(super) const LAST_DAY: i64 = 2_145_042_905;
/// The first instant, in microseconds from 1970 (`MIN_TIMESTAMP`).
pub(super) const FIRST_US: i64 = -211_813_488_000_000_000 + EPOCH_US;
/// The first second behind the last instant, from 1970 (`END_TIMESTAMP`).
pub(super) const END_S: i64 = 9_224_318_016_000;

/// A `numeric`'s sign (`NUMERIC_POS` and so on in `src/backend/utils/adt/numeric.c`).
pub(super) const POSITIVE: u16 = 0x0000;
pub(super) const NEGATIVE: u16 = 0x4000;
pub(super) const NOT_A_NUMBER: u16 = 0xC000;
pub(super) const INFINITY: u16 = 0xD000;
pub(super) const MINUS_INFINITY: u16 = 0xF000;

/// How a value travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wire {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    /// Bytes of text: `text` and all types whose binary form is their text.
    Text,
    /// A version, 1, and text.
    Jsonb,
    Bytea,
    Uuid,
    Inet,
    Date,
    Time,
    /// With a zone or without: either is a number of microseconds.
    Timestamp,
    Interval,
    /// An array of one dimension.
    Array(Box<Wire>),
}

impl Wire {
    /// The type of values of an array, by the object identifiers of `src/include/catalog/pg_type.dat`.
    pub(super) fn oid(&self) -> u32 {
        match self {
            Self::Bool => 16,
            Self::Bytea => 17,
            Self::Int8 => 20,
            Self::Int2 => 21,
            Self::Int4 => 23,
            Self::Text => 25,
            Self::Float4 => 700,
            Self::Float8 => 701,
            Self::Inet => 869,
            Self::Date => 1082,
            Self::Time => 1083,
            Self::Timestamp => 1114,
            Self::Interval => 1186,
            Self::Numeric => 1700,
            Self::Uuid => 2950,
            Self::Jsonb => 3802,
            Self::Array(_) => 0,
        }
    }
}
