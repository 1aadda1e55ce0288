//! The wall clock of a call, for the time that its guest waits.
//!
//! A guest that runs is stopped by the epoch. One that sleeps inside a host call does not run, and no epoch stops it:
//! here the time of such waits is added up. Time that the guest only gave way is not counted, so a busy host is not
//! taken for a slow guest.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Drives a call to its end, or answers none where the guest waited for longer than allowed. `yields` counts how often
/// the guest gave way while it ran.
pub(crate) async fn wait_within<F: Future>(
    call: F,
    yields: &AtomicU64,
    allowed: Duration,
) -> Option<F::Output> {
    let mut call = pin!(call);
    let mut waited = Duration::ZERO;
    let mut since = None;
    let mut alarm = None;
    poll_fn(move |context| {
        let resumed = since.map(|_| Instant::now());
        let before = yields.load(Ordering::Relaxed);
        if let Poll::Ready(value) = call.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        if yields.load(Ordering::Relaxed) != before {
            if let (Some(since), Some(resumed)) = (since.take(), resumed) {
                waited += resumed - since;
                alarm = None;
            }
            return Poll::Pending;
        }
        let start = *since.get_or_insert_with(Instant::now);
        let alarm =
            alarm.get_or_insert_with(|| Box::pin(sleep_until(start + allowed.saturating_sub(waited))));
        alarm.as_mut().poll(context).map(|()| None)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::wait_within;

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
        assert_eq!(wait_within(naps, &yields, ALLOWED).await, None);
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
        assert_eq!(wait_within(polite, &yields, ALLOWED * 3).await, Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_when_the_alarm_rings_counts() {
        let nap = tokio::time::sleep(ALLOWED);
        assert_eq!(wait_within(nap, &AtomicU64::new(0), ALLOWED).await, Some(()));
    }
}
