//! How long what is kept of runs stays.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use super::duration::Millis;
use crate::port::EventKind;

/// The key under [`RetentionDecl::events`] for the kinds that are not named.
pub const DEFAULT_EVENTS: &str = "default";

const DAY_MS: u64 = 86_400_000;

/// How long something stays; written as a length of time, or `forever`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(into = "String")]
pub enum Keep {
    /// It is not removed.
    #[default]
    Forever,
    /// So long.
    For(Millis),
}

/// How long what is kept of runs stays. What was materialized stays for good, whatever this says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Retention")]
pub struct RetentionDecl {
    /// Runs, counted from their end, with their attempts and events; 90 days unless told.
    pub runs: Keep,
    /// Events by kind, and under `default` those of the kinds that are not named; 30 days unless told, `checkpoint` 7.
    /// None outlives its run.
    pub events: BTreeMap<String, Keep>,
    /// What checks said, and when assets became late or fresh again; 90 days unless told.
    pub checks: Keep,
    /// The logs of attempts, counted from when their run last moved; 30 days unless told.
    pub logs: Keep,
    /// Deliveries of notifications, counted from their end; 90 days unless told.
    pub notifications: Keep,
}

impl Default for RetentionDecl {
    fn default() -> Self {
        Self {
            runs: Keep::days(90),
            events: BTreeMap::new(),
            checks: Keep::days(90),
            logs: Keep::days(30),
            notifications: Keep::days(90),
        }
    }
}

impl RetentionDecl {
    /// How long events of a kind stay.
    pub fn event(&self, kind: EventKind) -> Keep {
        if let Some(keep) = self.events.get(kind.text()) {
            return *keep;
        }
        match kind {
            // A checkpoint is of use to whoever watches a run, and there may be thousands in one.
            EventKind::Checkpoint => Keep::days(7),
            _ => self.events.get(DEFAULT_EVENTS).copied().unwrap_or(Keep::days(30)),
        }
    }
}

impl Keep {
    const fn days(days: u64) -> Self {
        Self::For(Millis(days * DAY_MS))
    }
}

impl TryFrom<String> for Keep {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self::Forever);
        }
        Millis::try_from(text.clone()).map(Self::For).map_err(|_| {
            format!("`{text}` does not say how long; write for example `12h`, `30d` or `forever`")
        })
    }
}

impl From<Keep> for String {
    fn from(value: Keep) -> Self {
        match value {
            Keep::Forever => "forever".into(),
            Keep::For(time) => time.into(),
        }
    }
}

/// Reads text; a bare number is refused with what it lacks.
struct Text;

impl Visitor<'_> for Text {
    type Value = Keep;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a time with its unit, such as `30d`, or `forever`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Keep, E> {
        Keep::try_from(text.to_owned()).map_err(E::custom)
    }

    // A value that was reported already.
    fn visit_none<E>(self) -> Result<Keep, E> {
        Ok(Keep::default())
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

impl JsonSchema for Keep {
    fn schema_name() -> Cow<'static, str> {
        "Keep".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^([0-9_]+ ?(ms|s|m|h|d)|forever)$",
            "description": "How long something stays, such as 12h or 30d, or forever."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_event_stays_as_told_or_as_the_others() {
        let mut retention = RetentionDecl::default();
        assert_eq!(retention.event(EventKind::Checkpoint), Keep::days(7));
        assert_eq!(retention.event(EventKind::RunState), Keep::days(30));
        let day = Keep::try_from("1d".to_owned()).unwrap();
        retention.events.insert(DEFAULT_EVENTS.into(), day);
        retention.events.insert("materialized".into(), Keep::Forever);
        assert_eq!(retention.event(EventKind::Checkpoint), Keep::days(7));
        assert_eq!(retention.event(EventKind::RunState), Keep::days(1));
        assert_eq!(retention.event(EventKind::Materialized), Keep::Forever);
        assert!(Keep::try_from("30".to_owned()).unwrap_err().contains("forever"));
    }
}
