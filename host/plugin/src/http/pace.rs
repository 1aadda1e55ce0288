//! How many requests of a grant run at once, and how fast they follow each other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_core::schema::HttpLimits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// The pace of one grant, shared by all instances of the process that have it.
pub(super) struct Pace {
    places: Arc<Semaphore>,
    /// Between the beginnings of two requests; zero for none.
    gap: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn new(limits: &HttpLimits) -> Self {
        let gap = match limits.per_second {
            0 => Duration::ZERO,
            per_second => Duration::from_secs(1) / per_second,
        };
        Self {
            places: Arc::new(Semaphore::new(limits.concurrency as usize)),
            gap,
            next: Mutex::new(None),
        }
    }

    /// Waits for a place among those that run at once; it is kept until what is answered is dropped. None never comes.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }

    /// Waits for a turn. Turns are given in the order in which they are asked for.
    pub(super) async fn turn(&self) {
        if self.gap.is_zero() {
            return;
        }
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let turn = next.map_or(now, |next| next.max(now));
            *next = Some(turn + self.gap);
            turn
        };
        sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_core::schema::HttpLimits;
    use tokio::time::Instant;

    use super::Pace;

    #[tokio::test(start_paused = true)]
    async fn so_many_begin_in_a_second() {
        let pace = Pace::new(&HttpLimits {
            per_second: 10,
            ..HttpLimits::default()
        });
        let start = Instant::now();
        for _ in 0..21 {
            pace.turn().await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_run_at_once() {
        let pace = Pace::new(&HttpLimits {
            concurrency: 2,
            ..HttpLimits::default()
        });
        let (first, _second) = (pace.place().await, pace.place().await);
        assert!(
            tokio::time::timeout(Duration::from_secs(9), pace.place())
                .await
                .is_err()
        );
        drop(first);
        assert!(pace.place().await.is_some());
    }
}
