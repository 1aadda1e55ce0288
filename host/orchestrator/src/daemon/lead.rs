//! Leading: taking the lead, keeping it, and the duties that go with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use tidegate_core::port::Leader;
use tidegate_core::{Error, Kind, Result};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::duty::Duty;
use super::election::{Election, Seen};
use crate::run::Orchestrator;

/// How long a leader may be silent before another process takes its place, in milliseconds. With a look a second this
/// is a failover in seven seconds; ten are promised.
pub const LEADER_LEASE_MS: u64 = 6_000;

/// How often the leader says that it is alive, and the others look, in milliseconds.
const BEAT_MS: u64 = 1_000;

/// The duties of whoever leads.
pub struct Daemon {
    orchestrator: Arc<Orchestrator>,
    /// Makes the duties anew for each time that this process leads: what one remembers is of its own reign.
    duties: Box<dyn Fn() -> Vec<Box<dyn Duty>> + Send + Sync>,
}

impl Daemon {
    /// A daemon with these duties.
    pub fn new(
        orchestrator: Arc<Orchestrator>,
        duties: impl Fn() -> Vec<Box<dyn Duty>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            orchestrator,
            duties: Box::new(duties),
        }
    }

    /// Stands by, and leads when nobody else does, until the process is to stop.
    pub async fn serve(&self) -> Result<()> {
        let mut election = Election::default();
        while !self.orchestrator.cancel.is_cancelled() {
            match self.stand(&mut election).await {
                Ok(Some(leader)) => {
                    self.orchestrator.observer.leads(true);
                    self.reign(leader).await;
                    self.orchestrator.observer.leads(false);
                }
                Ok(None) => {}
                Err(error) => self.orchestrator.observer.warning(&error),
            }
            self.pause().await;
        }
        Ok(())
    }

    async fn pause(&self) {
        tokio::select! {
            () = sleep(Duration::from_millis(BEAT_MS)) => {}
            () = self.orchestrator.cancel.cancelled() => {}
        }
    }

    /// Takes the lead where nobody has it.
    async fn stand(&self, election: &mut Election) -> Result<Option<Leader>> {
        let state = &self.orchestrator.state;
        let leader = state.leader().await?;
        let lease = Duration::from_millis(LEADER_LEASE_MS);
        // A process of this project folder is known to be dead at once.
        let dead = leader
            .as_ref()
            .is_some_and(|leader| self.orchestrator.workers.dead().contains(&leader.holder));
        if !dead && election.look(leader.as_ref(), Instant::now(), lease) == Seen::Led {
            return Ok(None);
        }
        state.lead(self.orchestrator.workers.id(), leader.as_ref()).await
    }

    /// Leads until another process does, or this one is to stop, or the state was out of reach for the whole lease: then
    /// another may lead already.
    async fn reign(&self, mut leader: Leader) {
        let mut tasks = JoinSet::new();
        for duty in (self.duties)() {
            tasks.spawn(keep_doing(duty, leader.clone(), self.orchestrator.clone()));
        }
        let mut beat = interval(Duration::from_millis(BEAT_MS));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                () = self.orchestrator.cancel.cancelled() => break,
                ended = tasks.join_next(), if !tasks.is_empty() => {
                    // A duty never ends by itself.
                    let message = format!("a duty of the daemon broke off: {ended:?}");
                    let error = Error::new(Kind::Internal, "daemon.duty", message);
                    self.orchestrator.observer.warning(&error);
                    break;
                }
                _ = beat.tick() => match self.orchestrator.state.keep_lead(&leader).await {
                    Ok(Some(kept)) => {
                        leader = kept;
                        heard = Instant::now();
                    }
                    Ok(None) => return,
                    Err(error) => {
                        self.orchestrator.observer.warning(&error);
                        if heard.elapsed() >= Duration::from_millis(LEADER_LEASE_MS) {
                            return;
                        }
                    }
                },
            }
        }
        tasks.shutdown().await;
        if let Err(error) = self.orchestrator.state.resign(&leader).await {
            self.orchestrator.observer.warning(&error);
        }
    }
}

async fn keep_doing(mut duty: Box<dyn Duty>, leader: Leader, orchestrator: Arc<Orchestrator>) {
    let mut due = interval(Duration::from_millis(duty.every_ms()));
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told: Option<Error> = None;
    loop {
        due.tick().await;
        let failed = duty.perform(&leader, Utc::now()).await.err();
        // One that goes on failing of one cause is told once.
        if let Some(error) = &failed
            && told.as_ref().is_none_or(|told| told.code != error.code)
        {
            orchestrator.observer.warning(error);
        }
        told = failed;
    }
}
