//! When an asset is materialized by itself, as YAML says it.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, IntoDeserializer, MapAccess, Visitor,
};
use serde::{Deserialize, Serialize, Serializer};

use super::asset::Asset;
use crate::plan::{AssetName, Cron};

/// A condition on the slices of an asset: those for which it holds are materialized. The names are Dagster's where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", remote = "Self")]
#[schemars(rename = "Automation")]
pub enum AutomationDecl {
    /// Whenever something that it is made from was loaded or it came to be missing, once all that it is made from is there.
    Eager,
    /// When it is missing, once all that it is made from is there.
    OnMissing,
    /// Whenever one of these, which it is made from, was loaded.
    OnUpdate(Vec<AssetName>),
    /// It was never loaded.
    Missing,
    /// A run of it is queued or goes on.
    InProgress,
    /// It came to be missing.
    NewlyMissing,
    /// It was loaded since the last evaluation.
    NewlyUpdated,
    /// The last evaluation asked for it.
    NewlyRequested,
    /// It was asked for or loaded: `newly_requested` or `newly_updated`.
    Handled,
    /// Something that it is made from was loaded, or is about to be by the same run.
    AnyDepsUpdated,
    /// One of these, which it is made from, was loaded, or is about to be by the same run.
    DepsUpdated(Vec<AssetName>),
    /// Something that it is made from was never loaded.
    AnyDepsMissing,
    /// A run of something that it is made from is queued or goes on.
    AnyDepsInProgress,
    /// No blocking check of what it is made from keeps back what was loaded last.
    AllDepsBlockingChecksPassed,
    /// All that it is made from was loaded since the last of these times.
    AllDepsUpdatedSinceCron(CronTicks),
    /// One of these times has come since the last evaluation.
    CronTickPassed(CronTicks),
    /// It is of the time that ended last; holds for every slice that is not of time.
    InLatestTimeWindow,
    /// The condition is looked at for the first time.
    InitialEvaluation,
    /// The code of the asset is not what it was at the last evaluation.
    CodeVersionChanged,
    /// The asset is late by its `freshness`.
    FreshnessFailed,
    /// All of these.
    And(Vec<AutomationDecl>),
    /// One of these at least.
    Or(Vec<AutomationDecl>),
    /// Not this.
    Not(Box<AutomationDecl>),
    /// This, and it was not so at the last evaluation.
    NewlyTrue(Box<AutomationDecl>),
    /// Something has been so since something else was.
    Since(Box<SinceDecl>),
    /// At times, once all that it is made from was loaded since. Written as `cron` and `timezone` themselves.
    #[schemars(untagged)]
    Cron(CronTicks),
}

impl Serialize for AutomationDecl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Cron(ticks) => ticks.serialize(serializer),
            other => Self::serialize(other, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for AutomationDecl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// A condition as it is written: a word, a word with what it is about, or times on a clock.
struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = AutomationDecl;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a condition: a word such as `eager`, or a map such as `{cron: \"0 6 * * *\"}`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<AutomationDecl, E> {
        AutomationDecl::deserialize(text.into_deserializer())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AutomationDecl, A::Error> {
        let Some(key) = map.next_key::<String>()? else {
            return Err(A::Error::custom("expected a condition, found a map without one"));
        };
        let clock = matches!(key.as_str(), "cron" | "timezone");
        let entries = MapAccessDeserializer::new(Behind {
            key: Some(key),
            map: &mut map,
        });
        if clock {
            return CronTicks::deserialize(entries).map(AutomationDecl::Cron);
        }
        let found = AutomationDecl::deserialize(entries)?;
        match map.next_key::<String>()? {
            None => Ok(found),
            Some(more) => {
                map.next_value::<IgnoredAny>()?;
                Err(A::Error::custom(format!(
                    "expected one condition, found `{more}` beside it; join them with `and` or `or`"
                )))
            }
        }
    }

    // A value that was reported already.
    fn visit_none<E>(self) -> Result<AutomationDecl, E> {
        Ok(AutomationDecl::Missing)
    }
}

/// A map of which the first key was read.
struct Behind<M> {
    key: Option<String>,
    map: M,
}

impl<'de, M: MapAccess<'de>> MapAccess<'de> for Behind<M> {
    type Error = M::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, M::Error> {
        match self.key.take() {
            Some(key) => seed.deserialize(key.into_deserializer()).map(Some),
            None => self.map.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, M::Error> {
        self.map.next_value_seed(seed)
    }
}

/// What has been so since what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Since")]
pub struct SinceDecl {
    /// From when this holds on,
    pub trigger: AutomationDecl,
    /// until this does.
    pub reset: AutomationDecl,
}

/// Times on a clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CronTicks {
    /// Minute, hour, day of month, month, day of week.
    pub cron: String,
    /// Whose clock, from the IANA database.
    #[serde(default = "utc")]
    pub timezone: String,
}

fn utc() -> String {
    "UTC".into()
}

/// Nodes that a condition may have; more is nothing that somebody can follow.
const MAX_NODES: usize = 200;

impl AutomationDecl {
    /// What is wrong with it as the condition of an asset, each with the pointer of the wrong value below its own, the message
    /// and the fix.
    pub(super) fn faults(&self, asset: &Asset) -> Vec<(String, String, String)> {
        let mut faults = Vec::new();
        let nodes = self.look("", asset, &mut faults);
        if nodes > MAX_NODES {
            let message = format!("the condition has {nodes} parts; {MAX_NODES} are allowed");
            faults.push((
                String::new(),
                message,
                "split the asset, or say it more simply".into(),
            ));
        }
        faults
    }

    fn look(&self, at: &str, asset: &Asset, faults: &mut Vec<(String, String, String)>) -> usize {
        let list = |word: &str, parts: &[Self], faults: &mut Vec<(String, String, String)>| -> usize {
            if parts.is_empty() {
                faults.push((
                    format!("{at}/{word}"),
                    format!("`{word}` of nothing"),
                    "list the conditions that it joins".to_owned(),
                ));
            }
            let each = parts.iter().enumerate();
            each.map(|(index, part)| part.look(&format!("{at}/{word}/{index}"), asset, faults))
                .sum()
        };
        let below = match self {
            Self::And(parts) => list("and", parts, faults),
            Self::Or(parts) => list("or", parts, faults),
            Self::Not(part) => part.look(&format!("{at}/not"), asset, faults),
            Self::NewlyTrue(part) => part.look(&format!("{at}/newly_true"), asset, faults),
            Self::Since(since) => {
                since.trigger.look(&format!("{at}/since/trigger"), asset, faults)
                    + since.reset.look(&format!("{at}/since/reset"), asset, faults)
            }
            Self::Cron(ticks) => ticks.look(at, faults),
            Self::AllDepsUpdatedSinceCron(ticks) => {
                ticks.look(&format!("{at}/all_deps_updated_since_cron"), faults)
            }
            Self::CronTickPassed(ticks) => ticks.look(&format!("{at}/cron_tick_passed"), faults),
            Self::OnUpdate(names) => dependencies(&format!("{at}/on_update"), names, asset, faults),
            Self::DepsUpdated(names) => dependencies(&format!("{at}/deps_updated"), names, asset, faults),
            Self::FreshnessFailed if asset.freshness.is_none() => {
                let message =
                    "`freshness_failed` of an asset that does not say how new it must be".to_owned();
                faults.push((
                    at.to_owned(),
                    message,
                    "write `freshness: {within: 26h}` or the like beside it".into(),
                ));
                0
            }
            _ => 0,
        };
        below + 1
    }
}

/// Names are of assets that the asset is made from.
fn dependencies(
    at: &str,
    names: &[AssetName],
    asset: &Asset,
    faults: &mut Vec<(String, String, String)>,
) -> usize {
    let upstream = asset.upstream();
    let known = if upstream.is_empty() {
        "it is made from no asset".to_owned()
    } else {
        let known: Vec<&str> = upstream.iter().map(AssetName::as_str).collect();
        format!("it is made from {}", known.join(", "))
    };
    if names.is_empty() {
        faults.push((at.to_owned(), "no asset is named".into(), known.clone()));
    }
    for (index, name) in names
        .iter()
        .enumerate()
        .filter(|(_, name)| !upstream.contains(name))
    {
        let message = format!("`{}` is not made from `{name}`", asset.name);
        faults.push((format!("{at}/{index}"), message, known.clone()));
    }
    0
}

impl CronTicks {
    fn look(&self, at: &str, faults: &mut Vec<(String, String, String)>) -> usize {
        if let Err(error) = Cron::parse(&self.cron) {
            let fix = "write minute, hour, day of month, month and day of week, such as `0 6 * * *`";
            faults.push((format!("{at}/cron"), error.to_string(), fix.into()));
        }
        if self.timezone.parse::<chrono_tz::Tz>().is_err() {
            let message = format!("`{}` is not in the IANA time zone database", self.timezone);
            faults.push((
                format!("{at}/timezone"),
                message,
                "write for example `UTC` or `Europe/London`".into(),
            ));
        }
        0
    }
}
