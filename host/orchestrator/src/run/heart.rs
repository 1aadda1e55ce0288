//! That this process is alive, and which of its runs are to stop.

use std::time::Duration;

use chrono::Utc;
use tidegate_core::Result;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::orchestrator::Orchestrator;

/// How often a worker says that it is alive, and hears of runs that are to stop, in milliseconds.
const BEAT_MS: u64 = 1_000;

/// Beats until it is dropped.
pub(super) struct Heart {
    /// Aborts its task when it is dropped.
    _task: JoinSet<()>,
}

impl Orchestrator {
    /// Makes this process known as a worker, and beats for as long as the answer is kept.
    pub(super) async fn heart(&self) -> Result<Heart> {
        let (state, id) = (self.state.clone(), self.workers.id().clone());
        let (going, observer) = (self.going.clone(), self.observer.clone());
        let mut hearts = self.hearts.lock().await;
        state.join_worker(&id, Utc::now()).await?;
        *hearts += 1;
        drop(hearts);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut beat = interval(Duration::from_millis(BEAT_MS));
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                beat.tick().await;
                let heard = match state.beat(&id, Utc::now()).await {
                    Ok(Some(stopping)) => {
                        for run in stopping {
                            going.stop(run);
                        }
                        Ok(())
                    }
                    // Others took this process for dead, and its runs: what it still does with them is refused.
                    Ok(None) => {
                        going.stop_all();
                        state.join_worker(&id, Utc::now()).await
                    }
                    Err(error) => Err(error),
                };
                // The next beat tries again.
                if let Err(error) = heard {
                    observer.warning(&error);
                }
            }
        });
        Ok(Heart { _task: task })
    }

    /// Ends the beats. Where no other run of this process goes on, the worker is forgotten: nobody need wait to see
    /// whether it is alive.
    pub(super) async fn rest(&self, heart: Heart) -> Result<()> {
        drop(heart);
        let mut hearts = self.hearts.lock().await;
        *hearts -= 1;
        if *hearts == 0 {
            self.state.forget_worker(self.workers.id()).await?;
        }
        Ok(())
    }

    /// Does something while this process is known as a worker.
    pub(super) async fn alive<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let heart = self.heart().await?;
        let done = work.await;
        self.rest(heart).await?;
        done
    }
}
