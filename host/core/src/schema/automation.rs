//! When an asset is materialized by itself, as YAML says it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Cron;

/// A condition on the slices of an asset: those for which it holds are materialized. The names are Dagster's where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Automation")]
pub enum AutomationDecl {
    /// Whenever something that it is made from was loaded or it came to be missing, once all that it is made from is there.
    Eager,
    /// When it is missing, once all that it is made from is there.
    OnMissing,
    /// Whenever something that it is made from was loaded.
    OnUpdate,
    /// At times, once all that it is made from was loaded since.
    OnCron(CronTicks),
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
    /// Something that it is made from was never loaded.
    AnyDepsMissing,
    /// A run of something that it is made from is queued or goes on.
    AnyDepsInProgress,
    /// All that it is made from was loaded since the last of these times.
    AllDepsUpdatedSinceCron(CronTicks),
    /// One of these times has come since the last evaluation.
    CronTickPassed(CronTicks),
    /// It is of the time that ended last; holds for every slice that is not of time.
    InLatestTimeWindow,
    /// The condition is looked at for the first time.
    InitialEvaluation,
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
    /// What is wrong with it, each with the pointer of the wrong value below its own, the message and the fix.
    pub(super) fn faults(&self) -> Vec<(String, String, String)> {
        let mut faults = Vec::new();
        let nodes = self.look("", &mut faults);
        if nodes > MAX_NODES {
            let message = format!("the condition has {nodes} parts; {MAX_NODES} are allowed");
            faults.push((String::new(), message, "split the asset, or say it more simply".into()));
        }
        faults
    }

    fn look(&self, at: &str, faults: &mut Vec<(String, String, String)>) -> usize {
        let list = |word: &str, parts: &[Self], faults: &mut Vec<(String, String, String)>| -> usize {
            if parts.is_empty() {
                faults.push((
                    format!("{at}/{word}"),
                    format!("`{word}` of nothing"),
                    "list the conditions that it joins".to_owned(),
                ));
            }
            let each = parts.iter().enumerate();
            each.map(|(index, part)| part.look(&format!("{at}/{word}/{index}"), faults)).sum()
        };
        let below = match self {
            Self::And(parts) => list("and", parts, faults),
            Self::Or(parts) => list("or", parts, faults),
            Self::Not(part) => part.look(&format!("{at}/not"), faults),
            Self::NewlyTrue(part) => part.look(&format!("{at}/newly_true"), faults),
            Self::Since(since) => {
                since.trigger.look(&format!("{at}/since/trigger"), faults)
                    + since.reset.look(&format!("{at}/since/reset"), faults)
            }
            Self::OnCron(ticks) => ticks.look(&format!("{at}/on_cron"), faults),
            Self::AllDepsUpdatedSinceCron(ticks) => ticks.look(&format!("{at}/all_deps_updated_since_cron"), faults),
            Self::CronTickPassed(ticks) => ticks.look(&format!("{at}/cron_tick_passed"), faults),
            _ => 0,
        };
        below + 1
    }
}

impl CronTicks {
    fn look(&self, at: &str, faults: &mut Vec<(String, String, String)>) -> usize {
        if let Err(error) = Cron::parse(&self.cron) {
            let fix = "write minute, hour, day of month, month and day of week, such as `0 6 * * *`";
            faults.push((format!("{at}/cron"), error.to_string(), fix.into()));
        }
        if self.timezone.parse::<chrono_tz::Tz>().is_err() {
            let message = format!("`{}` is not in the IANA time zone database", self.timezone);
            faults.push((format!("{at}/timezone"), message, "write for example `UTC` or `Europe/London`".into()));
        }
        0
    }
}
