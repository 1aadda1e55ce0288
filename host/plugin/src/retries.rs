//! Calls again where a guest says that the cause may pass.

use std::time::Duration;

use crate::error::Fault;

/// Calls after the first one. Five, with waits that double, outlive a restart of the other side; a longer outage is for
/// the retry of the run.
const MAX_RETRIES: u32 = 5;

/// The first wait where the other side names none; each further one is twice as long.
const FIRST_WAIT_MS: u64 = 200;

/// The longest wait that is kept. Windows of rate limits are a minute; who asks for more is left for later.
const MAX_WAIT_MS: u64 = 60_000;

/// The retries of one call.
#[derive(Debug, Default)]
pub(crate) struct Retries(u32);

impl Retries {
    /// Waits as long as the fault asks for; answers the fault where the call is not to be made again.
    pub(crate) async fn wait(&mut self, fault: Fault) -> Result<(), Fault> {
        match self.next_wait_ms(&fault) {
            Some(wait_ms) => {
                self.0 += 1;
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                Ok(())
            }
            None => Err(fault),
        }
    }

    fn next_wait_ms(&self, fault: &Fault) -> Option<u64> {
        let Fault::Retryable { after_ms, .. } = fault else {
            return None;
        };
        let wait_ms = (FIRST_WAIT_MS << self.0).max(after_ms.unwrap_or(0));
        (self.0 < MAX_RETRIES && wait_ms <= MAX_WAIT_MS).then_some(wait_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retryable(after_ms: Option<u64>) -> Fault {
        Fault::Retryable {
            message: "busy".into(),
            after_ms,
        }
    }

    #[test]
    fn waits_double_are_as_long_as_asked_for_and_end() {
        assert_eq!(Retries(0).next_wait_ms(&retryable(None)), Some(FIRST_WAIT_MS));
        assert_eq!(Retries(2).next_wait_ms(&retryable(None)), Some(4 * FIRST_WAIT_MS));
        assert_eq!(Retries(0).next_wait_ms(&retryable(Some(3_000))), Some(3_000));
        assert_eq!(Retries(0).next_wait_ms(&retryable(Some(MAX_WAIT_MS + 1))), None);
        assert_eq!(Retries(MAX_RETRIES).next_wait_ms(&retryable(None)), None);
        assert_eq!(Retries(0).next_wait_ms(&Fault::Fatal("no".into())), None);
    }
}
