//! What is told: one message for all channels, kept as JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use tidegate_core::Result;
use tidegate_core::plan::{AssetName, RunId};
use tidegate_core::port::{NotificationEvent, Severity, Subject};
use tidegate_core::schema::Notification;
use uuid::Uuid;

use super::channel::{Sent, send};
use super::incident::News;
use crate::project::Project;

/// Slices that a message names; it tells how many there are.
const MAX_SLICES: usize = 20;

/// What is shown of a slice's key, in characters.
const MAX_KEY_CHARS: usize = 200;

/// What is shown of an error or of what a check said, in characters: Slack takes 3,000 in one block.
const MAX_TEXT_CHARS: usize = 1_000;

/// A message, after Standard Webhooks: what, when, and the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Message {
    /// What is told.
    #[serde(rename = "type")]
    pub(super) event: NotificationEvent,
    /// When it happened.
    pub(super) timestamp: DateTime<Utc>,
    /// The rest.
    pub(super) data: Told,
}

/// What there is to say of an event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    /// The project.
    pub(super) project: String,
    /// The notification, by its name.
    pub(super) notification: String,
    /// All of it in one line, for people.
    pub(super) text: String,
    /// The job whose run it was.
    pub(super) job: Option<AssetName>,
    /// The asset.
    pub(super) asset: Option<AssetName>,
    /// The check.
    pub(super) check: Option<String>,
    /// The slices, the first twenty; empty for an asset without slices.
    pub(super) partitions: Vec<String>,
    /// How many slices there are.
    pub(super) slices: u64,
    /// The run.
    pub(super) run: Option<RunId>,
    /// Why the first one failed.
    pub(super) error: Option<ToldError>,
    /// How grave the failed check is.
    pub(super) severity: Option<Severity>,
    /// What the check said.
    pub(super) message: Option<String>,
    /// By when a materialization was expected.
    pub(super) due_at: Option<DateTime<Utc>>,
    /// Failures so far, of the slice with most.
    pub(super) failures: u64,
    /// When the first failure was.
    pub(super) since: Option<DateTime<Utc>>,
    /// Whether nothing happened, and somebody tries the channel.
    pub(super) test: bool,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ToldError {
    /// The code, of docs/error-codes.md.
    pub(super) code: String,
    /// What is wrong.
    pub(super) message: String,
    /// How to mend it.
    pub(super) hint: Option<String>,
}

impl Message {
    /// The message of some news of one event and subject; none where there are none.
    pub(super) fn of(
        project: &str,
        notification: &AssetName,
        event: NotificationEvent,
        subject: &Subject,
        news: &[News],
    ) -> Option<Self> {
        let first = &news.first()?.happening;
        let (job, asset, check) = match subject {
            Subject::Job(job) => (Some(job.clone()), None, None),
            Subject::Asset(asset) | Subject::Freshness(asset) => (None, Some(asset.clone()), None),
            Subject::Check(asset, check) => (None, Some(asset.clone()), Some(check.clone())),
        };
        let mut keys: Vec<&str> = news
            .iter()
            .map(|each| each.happening.partition.0.as_str())
            .filter(|key| !key.is_empty())
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let verdict = first.check.as_ref().map(|result| &result.verdict);
        let mut data = Told {
            project: project.to_owned(),
            notification: notification.to_string(),
            job,
            asset,
            check,
            slices: keys.len() as u64,
            partitions: keys
                .iter()
                .take(MAX_SLICES)
                .map(|key| cut(key, MAX_KEY_CHARS))
                .collect(),
            run: first.run,
            error: first.error.as_ref().map(|error| ToldError {
                code: error.code.clone(),
                message: short(&error.message),
                hint: error.hint.as_deref().map(short),
            }),
            severity: verdict
                .filter(|verdict| !verdict.passed)
                .map(|verdict| verdict.severity),
            message: verdict.map(|verdict| short(&verdict.to_string())),
            due_at: first.due_at,
            failures: news.iter().map(|each| each.incident.failures).max().unwrap_or(1),
            since: news.iter().map(|each| each.incident.opened_at).min(),
            ..Told::default()
        };
        data.text = line(event, &data);
        Some(Self {
            event,
            timestamp: first.at,
            data,
        })
    }
}

impl Message {
    /// What there is to say beside the line, as names and values, for people.
    pub(super) fn details(&self) -> Vec<(&'static str, String)> {
        let told = &self.data;
        let listed = told.partitions.join(", ");
        let more = told.slices.saturating_sub(told.partitions.len() as u64);
        let slices = match more {
            0 => listed,
            more => format!("{listed} and {more} more"),
        };
        let hint = told.error.as_ref().and_then(|error| error.hint.clone());
        [
            ("project", Some(told.project.clone())),
            ("event", Some(self.event.text().to_owned())),
            ("at", Some(instant(self.timestamp))),
            ("slices", Some(slices).filter(|slices| !slices.is_empty())),
            ("run", told.run.map(|run| run.to_string())),
            (
                "severity",
                told.severity.map(|severity| severity.text().to_owned()),
            ),
            ("since", told.since.map(instant)),
            ("hint", hint),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

fn short(text: &str) -> String {
    cut(text, MAX_TEXT_CHARS)
}

/// A text of so many characters at most.
pub(super) fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    let start: String = text.chars().take(chars.saturating_sub(1)).collect();
    start + "…"
}

/// An instant, for people.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// All of it in one line.
fn line(event: NotificationEvent, told: &Told) -> String {
    let slices = match told.partitions.as_slice() {
        [] => String::new(),
        [key] => format!(" (slice {key})"),
        _ => format!(" ({} slices)", told.slices),
    };
    let what = match (&told.job, &told.asset, &told.check) {
        (Some(job), _, _) => format!("job {job}{slices}"),
        (None, Some(asset), Some(check)) => format!("check {check} of {asset}{slices}"),
        (None, Some(asset), None) => format!("asset {asset}{slices}"),
        (None, None, _) => String::new(),
    };
    let failures = match told.failures {
        0 | 1 => "a failure".to_owned(),
        many => format!("{many} failures"),
    };
    let why = match (&told.error, &told.message) {
        (Some(error), _) => format!(": {}: {}", error.code, error.message),
        (None, Some(message)) => format!(": {message}"),
        (None, None) => String::new(),
    };
    match event {
        NotificationEvent::RunFailed | NotificationEvent::CheckFailed if told.failures > 1 => {
            format!("{what} still fails, {failures} so far{why}")
        }
        NotificationEvent::RunFailed | NotificationEvent::CheckFailed => format!("{what} failed{why}"),
        NotificationEvent::CheckWarned => format!("{what} warns{why}"),
        NotificationEvent::RunRecovered => format!("{what} succeeded again after {failures}"),
        NotificationEvent::CheckRecovered => format!("{what} passes again after {failures}"),
        NotificationEvent::FreshnessFailed => {
            let due = told.due_at.map(|due| format!(": due at {}", instant(due)));
            format!("{what} is late{}", due.unwrap_or_default())
        }
        NotificationEvent::FreshnessRecovered => format!("{what} is fresh again"),
    }
}

/// Sends a message that says that it is a test, once and now. It is not kept.
pub async fn test_notification(
    project: &Project,
    notification: &Notification,
    now: DateTime<Utc>,
) -> Result<Sent> {
    let name = &notification.name;
    let event = notification.on.first().copied();
    let message = Message {
        event: event.unwrap_or(NotificationEvent::RunFailed),
        timestamp: now,
        data: Told {
            project: project.documents().project.value.name.to_string(),
            notification: name.to_string(),
            text: format!("a test of the notification {name}: nothing has happened"),
            test: true,
            ..Told::default()
        },
    };
    send(project, notification, Uuid::now_v7(), &message, now).await
}
