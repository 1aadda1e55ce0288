//! Texts to instants.

use arrow_array::types::{ArrowTimestampType, Date32Type};
use arrow_cast::parse::{Parser, string_to_datetime};
use arrow_schema::TimeUnit;
use chrono::{DateTime, NaiveTime, TimeZone, Utc};

use crate::format::error::{FormatError, Result};

/// The zone that a time without an offset of its own is in.
pub(super) enum Zone {
    Utc,
    Named(chrono_tz::Tz),
}

impl Zone {
    /// The zone of a column; a column without one keeps what a clock shows.
    pub(super) fn parse(name: Option<&str>) -> Result<Self> {
        match name {
            None | Some("UTC") => Ok(Self::Utc),
            Some(name) => name
                .parse()
                .map(Self::Named)
                .map_err(|_| FormatError::Internal(format!("`{name}` is not a time zone"))),
        }
    }

    /// A text such as `2013-01-01T10:00:00Z`, `2013-01-01 10:00:00.5` or `2013-01-01` in a column's unit.
    pub(super) fn instant<T: ArrowTimestampType>(&self, text: &str) -> Option<i64> {
        match self {
            Self::Utc => count::<T, _>(&string_to_datetime(&Utc, text).ok()?),
            Self::Named(zone) => count::<T, _>(&string_to_datetime(zone, text).ok()?),
        }
    }
}

/// A text such as `2013-01-01` in days since 1970; a time behind it must be midnight, since a date could not hold it.
pub(super) fn date(text: &str) -> Option<i32> {
    if text.contains(':') && string_to_datetime(&Utc, text).ok()?.time() != NaiveTime::MIN {
        return None;
    }
    Date32Type::parse(text)
}

fn count<T: ArrowTimestampType, Z: TimeZone>(instant: &DateTime<Z>) -> Option<i64> {
    match T::UNIT {
        TimeUnit::Second => Some(instant.timestamp()),
        TimeUnit::Millisecond => Some(instant.timestamp_millis()),
        TimeUnit::Microsecond => Some(instant.timestamp_micros()),
        TimeUnit::Nanosecond => instant.timestamp_nanos_opt(),
    }
}
