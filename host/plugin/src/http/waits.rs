//! How long requests were under way, so that waiting for them is not charged to the guest's call.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Adds up the time in which at least one request of an instance was under way. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Waits(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    /// Each with the moment from which on it counts no longer, whatever the guest does with its reply.
    until: Vec<(u64, Instant)>,
    next: u64,
    spent: Duration,
    settled: Option<Instant>,
}

impl Open {
    fn settle(&mut self, now: Instant) {
        let last = self.until.iter().map(|(_, until)| *until).max();
        if let (Some(last), Some(settled)) = (last, self.settled) {
            self.spent += last.min(now).saturating_duration_since(settled);
        }
        self.settled = Some(now);
    }
}

impl Waits {
    fn with<R>(&self, act: impl FnOnce(&mut Open) -> R) -> R {
        // Nothing in here panics halfway.
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.settle(Instant::now());
        act(&mut open)
    }

    /// All of it until now.
    pub(crate) fn spent(&self) -> Duration {
        self.with(|open| open.spent)
    }

    /// A request is under way, until what is answered is dropped, and no longer than `longest`.
    pub(crate) fn open(&self, longest: Duration) -> UnderWay {
        let id = self.with(|open| {
            open.next += 1;
            open.until.push((open.next, Instant::now() + longest));
            open.next
        });
        UnderWay {
            waits: self.clone(),
            id,
        }
    }
}

/// A request that is under way.
pub(crate) struct UnderWay {
    waits: Waits,
    id: u64,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.waits
            .with(|open| open.until.retain(|(id, _)| *id != self.id));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Waits;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn overlapping_requests_count_once_and_none_longer_than_it_may_take() {
        let waits = Waits::default();
        tokio::time::advance(SECOND).await;
        assert_eq!(waits.spent(), Duration::ZERO);
        let first = waits.open(5 * SECOND);
        tokio::time::advance(SECOND).await;
        let second = waits.open(2 * SECOND);
        tokio::time::advance(SECOND).await;
        drop(first);
        assert_eq!(waits.spent(), 2 * SECOND);
        // The second one ends a second from here, held or not.
        tokio::time::advance(9 * SECOND).await;
        assert_eq!(waits.spent(), 3 * SECOND);
        drop(second);
        tokio::time::advance(SECOND).await;
        assert_eq!(waits.spent(), 3 * SECOND);
    }
}
