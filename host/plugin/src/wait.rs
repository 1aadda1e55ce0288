//! The wall clock of a call, for the time that its guest waits.
//!
//! A guest that runs is stopped by the epoch. One that sleeps inside a host call does not run, and no epoch stops it:
//! here the time of such waits is added up. Time that the guest only gave way is not counted, so a busy host is not
//! taken for a slow guest; nor is time in which an HTTP request of the guest is under way, which its grant bounds.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::http::Waits;
use crate::limits::YIELD_EVERY_MS;

/// The moment at which a guest began to wait, and what its requests had taken by then.
#[derive(Clone, Copy)]
struct Mark {
    since: Instant,
    http: Duration,
}

impl Mark {
    fn now(http: &Waits) -> Self {
        Self {
            since: Instant::now(),
            http: http.spent(),
        }
    }

    /// What of the wait until now is the guest's own.
    fn own(self, http: &Waits) -> Duration {
        let now = Self::now(http);
        (now.since - self.since).saturating_sub(now.http.saturating_sub(self.http))
    }
}

/// Drives a call to its end, or answers none where the guest waited for longer than allowed. `yields` counts how often
/// the guest gave way while it ran, `http` how long its requests took.
pub(crate) async fn wait_within<F: Future>(
    call: F,
    yields: &AtomicU64,
    http: &Waits,
    allowed: Duration,
) -> Option<F::Output> {
    let mut call = pin!(call);
    let mut waited = Duration::ZERO;
    let mut mark: Option<Mark> = None;
    let mut alarm = None;
    poll_fn(move |context| {
        let own = mark.map(|mark| mark.own(http));
        let before = yields.load(Ordering::Relaxed);
        if let Poll::Ready(value) = call.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        if yields.load(Ordering::Relaxed) != before {
            if let Some(own) = own {
                waited += own;
                mark = None;
                alarm = None;
            }
            return Poll::Pending;
        }
        let mark = *mark.get_or_insert_with(|| Mark::now(http));
        loop {
            let left = allowed.saturating_sub(waited + mark.own(http));
            if left.is_zero() {
                return Poll::Ready(None);
            }
            let ring = alarm.get_or_insert_with(|| {
                // Requests may move the end away while the alarm is set: it is looked at again then, not too often.
                Box::pin(sleep_until(
                    Instant::now() + left.max(Duration::from_millis(YIELD_EVERY_MS)),
                ))
            });
            if ring.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            alarm = None;
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::wait_within;
    use crate::http::Waits;

    const ALLOWED: Duration = Duration::from_millis(100);

    #[tokio::test(start_paused = true)]
    async fn waits_add_up_over_yields() {
        let yields = AtomicU64::new(0);
        let naps = async {
            for _ in 0..3 {
                tokio::time::sleep(ALLOWED / 2).await;
                yields.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(wait_within(naps, &yields, &Waits::default(), ALLOWED).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn giving_way_is_not_waiting() {
        let yields = AtomicU64::new(0);
        let polite = async {
            for _ in 0..20 {
                yields.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                tokio::time::advance(ALLOWED / 10).await;
            }
        };
        // `advance` itself waits once a turn, for no time.
        assert_eq!(
            wait_within(polite, &yields, &Waits::default(), ALLOWED * 3).await,
            Some(())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_when_the_alarm_rings_counts() {
        let nap = tokio::time::sleep(ALLOWED);
        assert_eq!(
            wait_within(nap, &AtomicU64::new(0), &Waits::default(), ALLOWED).await,
            Some(())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_request_is_not_charged() {
        let waits = Waits::default();
        let request = async {
            let under_way = waits.open(ALLOWED * 5);
            tokio::time::sleep(ALLOWED * 4).await;
            drop(under_way);
            tokio::time::sleep(ALLOWED / 2).await;
        };
        assert_eq!(
            wait_within(request, &AtomicU64::new(0), &waits, ALLOWED).await,
            Some(())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_held_for_longer_than_it_may_take_is_charged() {
        let waits = Waits::default();
        let held = async {
            let _under_way = waits.open(ALLOWED);
            tokio::time::sleep(ALLOWED * 3).await;
        };
        assert_eq!(wait_within(held, &AtomicU64::new(0), &waits, ALLOWED).await, None);
    }
}
