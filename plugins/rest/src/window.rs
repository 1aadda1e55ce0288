//! The slice that is read, as parameters.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use tidegate_sdk::prelude::*;
use tidegate_sdk::source::Partition;

/// Which parameters say what slice is wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The one that takes the slice's start.
    pub(crate) from: Option<End>,
    /// The one that takes the slice's end.
    pub(crate) until: Option<End>,
}

/// A parameter that takes an end of the slice.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The parameter.
    pub(crate) parameter: String,
    /// How the instant is written.
    #[serde(default)]
    pub(crate) format: Written,
    /// Whether the API takes the value itself for a part of what is wanted; counts for the end of a slice as a day.
    #[serde(default)]
    pub(crate) inclusive: bool,
}

/// How an instant is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// As `2024-01-31T12:00:00Z`.
    #[default]
    Rfc3339,
    /// As `2024-01-31`, the day in UTC.
    Date,
    /// As whole seconds since 1970-01-01T00:00:00Z.
    EpochS,
    /// As milliseconds since then.
    EpochMs,
}

const SECOND_MS: i64 = 1_000;
const DAY_MS: i64 = 86_400_000;

impl Window {
    /// Its parameters, with the key of each in the config.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, &str)> {
        let keys = [("from/parameter", &self.from), ("until/parameter", &self.until)];
        keys.into_iter()
            .filter_map(|(key, bound)| Some((key, bound.as_ref()?.parameter.as_str())))
            .collect()
    }

    /// The parameters of a slice. Where a format is coarser than the slice they ask for more, never for less: the host
    /// leaves out what lies beside the slice, and nobody could bring back what was not asked for.
    pub(crate) fn of(&self, partition: &Partition) -> Result<Vec<(String, Value)>, Fault> {
        let mut asked = Vec::new();
        if let Some(bound) = &self.from {
            let value = bound.format.floor(partition.start_ms)?;
            asked.push((bound.parameter.clone(), value));
        }
        if let Some(bound) = &self.until {
            let value = if bound.inclusive && bound.format == Written::Date {
                bound.format.floor(partition.end_ms.saturating_sub(1))?
            } else {
                bound.format.ceil(partition.end_ms)?
            };
            asked.push((bound.parameter.clone(), value));
        }
        Ok(asked)
    }
}

impl Written {
    fn unit_ms(self) -> i64 {
        match self {
            Self::Date => DAY_MS,
            Self::EpochS => SECOND_MS,
            Self::Rfc3339 | Self::EpochMs => 1,
        }
    }

    fn floor(self, instant_ms: i64) -> Result<Value, Fault> {
        self.written(instant_ms.div_euclid(self.unit_ms()) * self.unit_ms())
    }

    fn ceil(self, instant_ms: i64) -> Result<Value, Fault> {
        self.floor(instant_ms.saturating_add(self.unit_ms() - 1))
    }

    fn written(self, instant_ms: i64) -> Result<Value, Fault> {
        let instant = DateTime::<Utc>::from_timestamp_millis(instant_ms)
            .ok_or_else(|| Fault::fatal("the slice lies beyond all times"))?;
        Ok(match self {
            Self::Rfc3339 => instant.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
            Self::Date => instant.format("%Y-%m-%d").to_string().into(),
            Self::EpochS => (instant_ms / SECOND_MS).into(),
            Self::EpochMs => instant_ms.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(format: &str, inclusive: bool) -> Window {
        let bound = |name| serde_json::json!({"parameter": name, "format": format, "inclusive": inclusive});
        serde_json::from_value(serde_json::json!({"from": bound("a"), "until": bound("b")}))
            .expect("a window")
    }

    fn values(window: &Window, start_ms: i64, end_ms: i64) -> [String; 2] {
        let partition = Partition {
            key: "2024-01-31".into(),
            start_ms,
            end_ms,
        };
        let asked = window.of(&partition).expect("parameters");
        [0, 1].map(|end| asked[end].1.to_string().trim_matches('"').to_owned())
    }

    /// 2024-01-31T00:00:00Z.
    const START: i64 = 1_706_659_200_000;

    #[test]
    fn a_day_is_written_in_every_format() {
        let of = |format: &str, inclusive| values(&window(format, inclusive), START, START + DAY_MS);
        assert_eq!(
            of("rfc3339", false),
            ["2024-01-31T00:00:00Z", "2024-02-01T00:00:00Z"]
        );
        assert_eq!(of("date", false), ["2024-01-31", "2024-02-01"]);
        assert_eq!(of("date", true), ["2024-01-31", "2024-01-31"]);
        assert_eq!(of("epoch_s", false), ["1706659200", "1706745600"]);
        assert_eq!(of("epoch_ms", true), ["1706659200000", "1706745600000"]);
    }

    #[test]
    fn a_day_of_another_zone_is_asked_for_with_the_days_that_hold_it() {
        // London in summer: from 23:00 to 23:00 in UTC.
        let hour = 3_600_000;
        let of = |inclusive| values(&window("date", inclusive), START - hour, START + DAY_MS - hour);
        assert_eq!(of(false), ["2024-01-30", "2024-02-01"]);
        assert_eq!(of(true), ["2024-01-30", "2024-01-31"]);
        assert_eq!(
            values(&window("epoch_s", false), START + 1, START + 1_001),
            ["1706659200", "1706659202"]
        );
    }
}
