//! How an asset is sliced, as YAML says it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{
    AssetName, Cadence, Cron, PartitionError, Partitioning, TimeSlices, ValueSlices, Values, check_value,
};

/// How an asset is sliced: one kind, or one of time and one of values for a slice of each value at each time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Partitions {
    /// A slice an hour; keys like `2024-01-31-13`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly: Option<Window>,
    /// A slice a day; keys like `2024-01-31`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<Window>,
    /// A slice a week, from Monday; keys are the Monday.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekly: Option<Window>,
    /// A slice a month; keys like `2024-01`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly: Option<Window>,
    /// A slice from each time of a schedule to the next; keys like `2024-01-31-18-00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<CronWindow>,
    /// A slice for each value of a list.
    #[serde(default, rename = "static", skip_serializing_if = "Option::is_none")]
    pub fixed: Option<StaticKeys>,
    /// A slice for each value that was added by `tidegate asset partitions NAME add`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic: Option<DynamicKeys>,
}

/// Which slices of time there are, and what decides a row's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The key of the first slice; of hours also a day, for its first.
    pub start: String,
    /// The key of the first slice that is no more part of the asset; without it, the slices go on until now.
    #[serde(default)]
    pub end: Option<String>,
    /// Whose clock counts, from the IANA time zone database.
    #[serde(default = "utc")]
    pub timezone: String,
    /// The column of the source, a timestamp or date, that says which slice a row belongs to.
    #[serde(default)]
    pub column: Option<String>,
}

/// Slices from each time of a schedule to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CronWindow {
    /// Five fields of cron: minute, hour, day of month, month, day of week.
    pub schedule: String,
    /// The key of the first slice, or a day: the first slice that begins on it or after.
    pub start: String,
    /// The key, or day, of the first slice that is no more part of the asset; without it, the slices go on until now.
    #[serde(default)]
    pub end: Option<String>,
    /// Whose clock counts, from the IANA time zone database.
    #[serde(default = "utc")]
    pub timezone: String,
    /// The column of the source, a timestamp, that says which slice a row belongs to.
    #[serde(default)]
    pub column: Option<String>,
}

/// A slice for each value of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StaticPartitions")]
pub struct StaticKeys {
    /// The values, in the order in which they are worked on.
    pub keys: Vec<String>,
    /// The column of the source, of text or whole numbers, that must have the value.
    #[serde(default)]
    pub column: Option<String>,
}

/// A slice for each value that the state keeps under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DynamicPartitions")]
pub struct DynamicKeys {
    /// The name; assets of one name have the same values.
    pub name: AssetName,
    /// The column of the source, of text or whole numbers, that must have the value.
    #[serde(default)]
    pub column: Option<String>,
}

/// Which partitions of an asset another asset's partition is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PartitionMapping")]
pub enum MappingDecl {
    /// All of them.
    All,
    /// The last in time; of values, the last of each.
    Last,
    /// So many before it, where negative, or behind it: of assets that are sliced by time in the same way.
    Offset(i32),
}

fn utc() -> String {
    "UTC".into()
}

/// What is wrong with a declaration: the pointer of the wrong value, and why.
pub type PartitionsFault = (String, PartitionError);

impl Partitions {
    /// The kinds that are there, as YAML names them: those of time first.
    pub fn kinds(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let there = |all: &[(&'static str, bool)]| {
            all.iter()
                .filter(|(_, there)| *there)
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
        };
        (
            there(&[
                ("hourly", self.hourly.is_some()),
                ("daily", self.daily.is_some()),
                ("weekly", self.weekly.is_some()),
                ("monthly", self.monthly.is_some()),
                ("cron", self.cron.is_some()),
            ]),
            there(&[
                ("static", self.fixed.is_some()),
                ("dynamic", self.dynamic.is_some()),
            ]),
        )
    }

    /// The slices meant; none where there is not one kind of time, one of values, or one of each.
    pub fn partitioning(&self) -> Result<Option<Partitioning>, PartitionsFault> {
        let (times, values) = self.kinds();
        if times.len() > 1 || values.len() > 1 {
            return Ok(None);
        }
        Ok(match (self.time()?, self.values()?) {
            (Some(time), None) => Some(Partitioning::Time(time)),
            (None, Some(values)) => Some(Partitioning::Values(values)),
            (Some(time), Some(values)) => Some(Partitioning::Both(values, time)),
            (None, None) => None,
        })
    }

    fn time(&self) -> Result<Option<TimeSlices>, PartitionsFault> {
        let windows = [
            (Cadence::Hourly, &self.hourly),
            (Cadence::Daily, &self.daily),
            (Cadence::Weekly, &self.weekly),
            (Cadence::Monthly, &self.monthly),
        ];
        for (cadence, window) in windows {
            if let Some(window) = window {
                return slices(cadence, window).map(Some);
            }
        }
        let Some(cron) = &self.cron else { return Ok(None) };
        let schedule = Cron::parse(&cron.schedule)
            .map_err(|error| ("/partitions/cron/schedule".to_owned(), error.into()))?;
        let window = Window {
            start: cron.start.clone(),
            end: cron.end.clone(),
            timezone: cron.timezone.clone(),
            column: cron.column.clone(),
        };
        slices(Cadence::Cron(schedule), &window).map(Some)
    }

    fn values(&self) -> Result<Option<ValueSlices>, PartitionsFault> {
        if let Some(fixed) = &self.fixed {
            for (index, key) in fixed.keys.iter().enumerate() {
                check_value(key).map_err(|error| (format!("/partitions/static/keys/{index}"), error))?;
            }
            return Ok(Some(ValueSlices {
                values: Values::Static(fixed.keys.clone()),
                column: fixed.column.clone(),
            }));
        }
        Ok(self.dynamic.as_ref().map(|dynamic| ValueSlices {
            values: Values::Dynamic(dynamic.name.clone()),
            column: dynamic.column.clone(),
        }))
    }
}

fn slices(cadence: Cadence, window: &Window) -> Result<TimeSlices, PartitionsFault> {
    let name = cadence.name();
    let at = |key: &str| format!("/partitions/{name}/{key}");
    let zone = window
        .timezone
        .parse()
        .map_err(|_| (at("timezone"), PartitionError::Timezone(window.timezone.clone())))?;
    // An end by itself is looked at first with the start, whose fault has another place.
    TimeSlices::new(cadence.clone(), zone, &window.start, None, None)
        .map_err(|error| (at("start"), error))?;
    TimeSlices::new(
        cadence,
        zone,
        &window.start,
        window.end.as_deref(),
        window.column.clone(),
    )
    .map_err(|error| (at("end"), error))
}
