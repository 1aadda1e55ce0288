//! The duty that looks at outcomes and sends what is to be told, each message a task of its own: an endpoint that is dead holds up
//! no other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tidegate_core::plan::AssetName;
use tidegate_core::port::{DeliveryRecord, DeliveryState, DeliveryTry, Leader};
use tidegate_core::{Error, Kind, Result};
use tokio::task::{Id, JoinSet};

use super::channel::{REFUSED, send};
use super::follow::{Known, look};
use super::message::Message;
use super::rule::Rule;
use crate::daemon::Duty;
use crate::run::Orchestrator;

/// Messages that are under way at once, of one notification one.
const MAX_SENDING: usize = 16;

/// How long is waited before a message is sent again, in milliseconds; doubled with each try.
const FIRST_PAUSE_MS: i64 = 2_000;

/// The longest that is waited, in milliseconds.
const LONGEST_PAUSE_MS: i64 = 300_000;

/// How long outcomes are looked at before messages are sent again: who catches up with many sends meanwhile.
const LOOKING: Duration = Duration::from_secs(1);

/// How old a message may become before it is given up, in milliseconds: after a day nobody waits for it.
const MAX_AGE_MS: i64 = 86_400_000;

/// Follows what ends well or not, and tells it.
pub struct Notifications {
    orchestrator: Arc<Orchestrator>,
    rules: Vec<Rule>,
    /// Which outcomes are whose business; none before the store has told.
    known: Option<Known>,
    sends: JoinSet<()>,
    /// The notifications whose message is under way just now.
    sending: HashMap<Id, AssetName>,
}

impl Notifications {
    /// The notifications of the project that are enabled.
    pub fn new(orchestrator: Arc<Orchestrator>) -> Self {
        let project = &orchestrator.project;
        let mut rules = Vec::new();
        for placed in project.documents().notifications.values() {
            if !placed.value.enabled {
                continue;
            }
            match Rule::of(project, &placed.value) {
                Ok(rule) => rules.push(rule),
                // `tidegate check` tells the same with its place.
                Err(errors) => errors
                    .0
                    .iter()
                    .for_each(|error| orchestrator.observer.warning(error)),
            }
        }
        Self {
            orchestrator,
            rules,
            known: None,
            sends: JoinSet::new(),
            sending: HashMap::new(),
        }
    }

    /// Makes the notifications known to the store, once in a reign; `false` where somebody else leads.
    async fn meet(&mut self, leader: &Leader, now: DateTime<Utc>) -> Result<bool> {
        if self.known.is_some() {
            return Ok(true);
        }
        let state = &self.orchestrator.state;
        let names: Vec<AssetName> = self.rules.iter().map(|rule| rule.name.clone()).collect();
        if !state.meet_notifications(leader, &names, now).await? {
            return Ok(false);
        }
        let records = state.notifications().await?;
        self.known = Some(Known::new(&self.rules, records, &state.incidents().await?));
        Ok(true)
    }

    async fn follow(&self, leader: &Leader, now: DateTime<Utc>) -> Result<()> {
        let Some(known) = &self.known else {
            return Ok(());
        };
        let begun = Instant::now();
        while look(&self.orchestrator, leader, &self.rules, known, now).await? && begun.elapsed() < LOOKING {}
        Ok(())
    }

    fn end_sends(&mut self) {
        while let Some(done) = self.sends.try_join_next_with_id() {
            let id = match &done {
                Ok((id, ())) => *id,
                Err(error) => error.id(),
            };
            self.sending.remove(&id);
            if let Err(error) = done {
                let message = format!("a message broke off: {error}");
                let error = Error::new(Kind::Internal, "notification.send", message);
                self.orchestrator.observer.warning(&error);
            }
        }
    }

    /// Sends the oldest message of each notification that is due and has none under way, so that a notification's messages keep
    /// their order.
    async fn send(&mut self, leader: &Leader, now: DateTime<Utc>) -> Result<()> {
        if self.rules.is_empty() {
            return Ok(());
        }
        let busy: HashSet<AssetName> = self.sending.values().cloned().collect();
        for delivery in self.orchestrator.state.next_deliveries().await? {
            if self.sends.len() >= MAX_SENDING {
                break;
            }
            let name = &delivery.notification;
            if delivery.next_try_at > now || busy.contains(name) {
                continue;
            }
            let name = name.clone();
            let work = try_once(self.orchestrator.clone(), leader.clone(), delivery);
            let task = self.sends.spawn(work);
            self.sending.insert(task.id(), name);
        }
        Ok(())
    }
}

#[async_trait]
impl Duty for Notifications {
    fn name(&self) -> &'static str {
        "notifications"
    }

    fn every_ms(&self) -> u64 {
        1_000
    }

    async fn perform(&mut self, leader: &Leader, now: DateTime<Utc>) -> Result<()> {
        self.end_sends();
        if !self.meet(leader, now).await? {
            return Ok(());
        }
        // What cannot be looked at holds up no message.
        let followed = self.follow(leader, now).await;
        self.send(leader, now).await?;
        followed
    }
}

/// Sends a message once, and keeps what came of it. Where this process is killed between the two, the next leader sends it again.
async fn try_once(orchestrator: Arc<Orchestrator>, leader: Leader, delivery: DeliveryRecord) {
    let project = &orchestrator.project;
    let sent = async {
        let placed = project.notification(delivery.notification.as_str())?;
        let message: Message = serde_json::from_value(delivery.body.clone()).map_err(|error| {
            Error::new(
                Kind::State,
                "notification.message",
                format!("a message that was kept cannot be read: {error}"),
            )
        })?;
        send(project, &placed.value, delivery.id, &message, Utc::now()).await
    };
    let error = sent.await.err();
    let tried = tried(&delivery, error, Utc::now());
    if let (DeliveryState::Failed, Some(error)) = (tried.state, &tried.error) {
        orchestrator.observer.warning(error);
    }
    if let Err(error) = orchestrator.state.keep_try(&leader, &tried).await {
        orchestrator.observer.warning(&error);
    }
}

/// Where a delivery stands after a try at `at`.
fn tried(delivery: &DeliveryRecord, error: Option<Error>, at: DateTime<Utc>) -> DeliveryTry {
    let old = at - delivery.created_at >= TimeDelta::milliseconds(MAX_AGE_MS);
    let state = match &error {
        None => DeliveryState::Delivered,
        Some(error) if old || error.code == REFUSED => DeliveryState::Failed,
        Some(_) => DeliveryState::Pending,
    };
    let doubled = FIRST_PAUSE_MS.saturating_mul(1 << delivery.attempts.min(20));
    let pause = Duration::from_millis(doubled.min(LONGEST_PAUSE_MS).unsigned_abs());
    DeliveryTry {
        id: delivery.id,
        state,
        error,
        next_try_at: at + pause,
        at,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tidegate_core::port::NotificationEvent;
    use uuid::Uuid;

    use super::*;

    fn delivery(attempts: u32) -> DeliveryRecord {
        DeliveryRecord {
            sequence: 1,
            id: Uuid::nil(),
            notification: "on_call".parse().unwrap(),
            event: NotificationEvent::RunFailed,
            subject: "asset:orders".into(),
            body: Value::Null,
            state: DeliveryState::Pending,
            attempts,
            created_at: DateTime::UNIX_EPOCH,
            next_try_at: DateTime::UNIX_EPOCH,
            ended_at: None,
            error: None,
        }
    }

    #[test]
    fn a_message_is_tried_for_a_day_and_less_and_less_often() {
        let down = Error::new(Kind::Resource, "http.fetch", "nobody answers").later();
        let after = |attempts, error: &Error, at_ms| {
            let at = DateTime::UNIX_EPOCH + TimeDelta::milliseconds(at_ms);
            let tried = tried(&delivery(attempts), Some(error.clone()), at);
            (tried.state, (tried.next_try_at - at).num_milliseconds())
        };
        assert_eq!(after(0, &down, 0), (DeliveryState::Pending, 2_000));
        assert_eq!(after(3, &down, 0), (DeliveryState::Pending, 16_000));
        assert_eq!(
            after(60, &down, MAX_AGE_MS - 1),
            (DeliveryState::Pending, 300_000)
        );
        assert_eq!(after(300, &down, MAX_AGE_MS).0, DeliveryState::Failed);
        let refused = Error::new(Kind::Resource, REFUSED, "404");
        assert_eq!(after(0, &refused, 0).0, DeliveryState::Failed);
        let well = tried(&delivery(0), None, DateTime::UNIX_EPOCH);
        assert_eq!(well.state, DeliveryState::Delivered);
    }
}
