//! Notifications: outcomes that nobody has looked at yet, incidents that were told, and deliveries.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::check::{CheckResult, FreshnessChange};
use super::leader::Leader;
use super::run::RunState;
use crate::error::{Error, Result};
use crate::plan::{AssetName, PartitionKey, RunId};

/// What a notification tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationEvent {
    /// A run failed.
    RunFailed,
    /// The first success behind a failure that was told.
    RunRecovered,
    /// A check of severity error failed.
    CheckFailed,
    /// A check of severity warn failed.
    CheckWarned,
    /// A check that had failed or warned passes again.
    CheckRecovered,
    /// An asset became late.
    FreshnessFailed,
    /// An asset that was late is fresh again.
    FreshnessRecovered,
}

impl NotificationEvent {
    /// As the store, the messages and the command line write it.
    pub fn text(self) -> &'static str {
        match self {
            Self::RunFailed => "run_failed",
            Self::RunRecovered => "run_recovered",
            Self::CheckFailed => "check_failed",
            Self::CheckWarned => "check_warned",
            Self::CheckRecovered => "check_recovered",
            Self::FreshnessFailed => "freshness_failed",
            Self::FreshnessRecovered => "freshness_recovered",
        }
    }

    /// The event that [`NotificationEvent::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::RunFailed,
            Self::RunRecovered,
            Self::CheckFailed,
            Self::CheckWarned,
            Self::CheckRecovered,
            Self::FreshnessFailed,
            Self::FreshnessRecovered,
        ]
        .into_iter()
        .find(|event| event.text() == text)
    }

    /// The events of which one must have been told before this one can be; empty where none need be.
    pub fn follows(self) -> &'static [Self] {
        match self {
            Self::RunRecovered => &[Self::RunFailed],
            Self::CheckRecovered => &[Self::CheckFailed, Self::CheckWarned],
            Self::FreshnessRecovered => &[Self::FreshnessFailed],
            Self::RunFailed | Self::CheckFailed | Self::CheckWarned | Self::FreshnessFailed => &[],
        }
    }
}

/// Something that ended well or not. It is kept in the transaction of what it tells, and removed when the leader has looked at
/// it: so none is lost or seen twice, in whatever order transactions are committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of", rename_all = "snake_case")]
pub enum Outcome {
    /// A run ended.
    Run(RunEnd),
    /// A check said something.
    Check(CheckResult),
    /// An asset became late, or fresh again.
    Freshness(FreshnessChange),
}

/// A run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    /// Which run.
    pub run: RunId,
    /// How: succeeded, failed or cancelled.
    pub state: RunState,
    /// Why it failed.
    pub error: Option<Error>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What an incident is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Runs of a job.
    Job(AssetName),
    /// Runs of an asset.
    Asset(AssetName),
    /// A check of an asset.
    Check(AssetName, String),
    /// How fresh an asset is.
    Freshness(AssetName),
}

impl Subject {
    /// As the store and the command line write it: `job:nightly`, `asset:orders`, `check:orders/ids`, `freshness:orders`.
    pub fn text(&self) -> String {
        match self {
            Self::Job(job) => format!("job:{job}"),
            Self::Asset(asset) => format!("asset:{asset}"),
            Self::Check(asset, check) => format!("check:{asset}/{check}"),
            Self::Freshness(asset) => format!("freshness:{asset}"),
        }
    }

    /// The subject that [`Subject::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':')?;
        match kind {
            "job" => Some(Self::Job(name.parse().ok()?)),
            "asset" => Some(Self::Asset(name.parse().ok()?)),
            "freshness" => Some(Self::Freshness(name.parse().ok()?)),
            "check" => {
                let (asset, check) = name.split_once('/')?;
                Some(Self::Check(asset.parse().ok()?, check.to_owned()))
            }
            _ => None,
        }
    }
}

/// A failure that was told, and goes on until a success of the same subject and slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// By which notification it was told.
    pub notification: AssetName,
    /// What it is about.
    pub subject: Subject,
    /// Of which slice; the empty key for all.
    pub partition: PartitionKey,
    /// Failures so far.
    pub failures: u64,
    /// When the first one was.
    pub opened_at: DateTime<Utc>,
    /// When it was told last.
    pub notified_at: DateTime<Utc>,
}

/// A notification that the store knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationRecord {
    /// Its name.
    pub name: AssetName,
    /// Outcomes of a higher number are its business: those from before it was known are not.
    pub after_outcome: i64,
    /// Since when it is known.
    pub since: DateTime<Utc>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is to be sent, for the first time or again.
    Pending,
    /// The receiver took it.
    Delivered,
    /// It was given up.
    Failed,
}

impl DeliveryState {
    /// As the store and the command line write it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The state that [`DeliveryState::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Failed]
            .into_iter()
            .find(|state| state.text() == text)
    }
}

/// A message to be delivered. There is one of an outcome, event and subject at most.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDelivery {
    /// What the receiver knows a repeat by: UUID version 7.
    pub id: Uuid,
    /// By which notification.
    pub notification: AssetName,
    /// What it tells of.
    pub event: NotificationEvent,
    /// About what.
    pub subject: Subject,
    /// The number of the first outcome that it tells of.
    pub outcome: i64,
    /// The message.
    pub body: Value,
    /// When.
    pub at: DateTime<Utc>,
}

/// A delivery as the store knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// Its number: a notification's messages are sent in this order.
    pub sequence: i64,
    /// What the receiver knows a repeat by.
    pub id: Uuid,
    /// By which notification.
    pub notification: AssetName,
    /// What it tells of.
    pub event: NotificationEvent,
    /// About what, as [`Subject::text`] writes it.
    pub subject: String,
    /// The message.
    pub body: Value,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was sent.
    pub attempts: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Of a pending one, when it is sent.
    pub next_try_at: DateTime<Utc>,
    /// When it was delivered, or given up.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why the last try failed.
    pub error: Option<Error>,
}

/// What came of a try to deliver.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryTry {
    /// Which delivery.
    pub id: Uuid,
    /// Where it stands now.
    pub state: DeliveryState,
    /// Why it was not taken.
    pub error: Option<Error>,
    /// When it is sent again, where it is still pending.
    pub next_try_at: DateTime<Utc>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What comes of a look at outcomes, all or nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Notices {
    /// The outcomes that were looked at; they are removed.
    pub seen: Vec<i64>,
    /// Incidents that were opened, or of which another failure is counted; of one notification, subject and slice one at most.
    pub open: Vec<Incident>,
    /// Incidents that are over.
    pub closed: Vec<Incident>,
    /// What is to be told.
    pub deliveries: Vec<NewDelivery>,
}

/// Which deliveries to list.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only those of this notification.
    pub notification: Option<AssetName>,
    /// Only those in one of these states; empty for any.
    pub states: Vec<DeliveryState>,
    /// Only those of a lower number.
    pub before: Option<i64>,
    /// So many at most.
    pub limit: u32,
}

/// Keeps what is told, and what was.
#[async_trait]
pub trait NotificationStore: Send + Sync {
    /// The notifications that are known, by name.
    async fn notifications(&self) -> Result<Vec<NotificationRecord>>;
    /// Makes these known and no others. A new one has nothing to do with outcomes that are there already. Of one that is forgotten
    /// the incidents go, and what was not delivered yet fails. `false`, with nothing changed, where somebody else leads.
    async fn meet_notifications(
        &self,
        leader: &Leader,
        names: &[AssetName],
        at: DateTime<Utc>,
    ) -> Result<bool>;
    /// Outcomes that nobody has looked at, with their numbers, oldest first. One that cannot be read, as another version wrote it,
    /// is an error of its own, and holds up no other.
    async fn outcomes(&self, limit: u32) -> Result<Vec<(i64, Result<Outcome>)>>;
    /// All incidents that go on.
    async fn incidents(&self) -> Result<Vec<Incident>>;
    /// Keeps what came of a look; `false`, with nothing changed, where somebody else leads.
    async fn keep_notices(&self, leader: &Leader, notices: &Notices) -> Result<bool>;
    /// The oldest delivery of each notification that is pending, due or not.
    async fn next_deliveries(&self) -> Result<Vec<DeliveryRecord>>;
    /// Keeps what came of a try; `false`, with nothing changed, where somebody else leads or the delivery is not pending any more.
    async fn keep_try(&self, leader: &Leader, tried: &DeliveryTry) -> Result<bool>;
    /// Deliveries, newest first.
    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>>;
    /// Removes deliveries that ended before an instant, and outcomes from before it that nobody looked at, `most` of each at once;
    /// answers how many deliveries went, and how many outcomes.
    async fn prune_deliveries(&self, before: DateTime<Utc>, most: u32) -> Result<(u64, u64)>;
    /// How many deliveries ended before an instant.
    async fn prunable_deliveries(&self, before: DateTime<Utc>) -> Result<u64>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_as_it_was_written() {
        let name = |text: &str| text.parse::<AssetName>().unwrap();
        for subject in [
            Subject::Job(name("nightly")),
            Subject::Asset(name("orders")),
            Subject::Check(name("orders"), "a/b@1.0:c".into()),
            Subject::Freshness(name("orders")),
        ] {
            assert_eq!(Subject::parse(&subject.text()), Some(subject));
        }
        assert_eq!(Subject::parse("check:orders"), None);
    }
}
