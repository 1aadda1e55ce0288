//! How an attempt that failed is made again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Millis;
use crate::error::{Error, Kind, Retry};

/// How often and when an attempt that failed is made again within its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Retry")]
pub struct RetryDecl {
    /// Attempts at most, the first one among them; 1 to 100.
    pub max_attempts: u32,
    /// How the delay grows.
    pub backoff: Backoff,
    /// The delay before the second attempt.
    pub first_delay: Millis,
    /// The longest delay.
    pub max_delay: Millis,
    /// Which errors are tried again.
    pub on: RetryOn,
}

/// How the delay between attempts grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// It stays the same.
    Constant,
    /// By the first delay each time.
    Linear,
    /// It doubles each time.
    #[default]
    Exponential,
}

/// Which errors are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// Those that may pass: a lost connection, a busy disk.
    #[default]
    Passing,
    /// All but those of the schema.
    Any,
}

impl Default for RetryDecl {
    /// One attempt: whoever wants more says so, since a source may charge for each.
    fn default() -> Self {
        Self {
            max_attempts: 1,
            backoff: Backoff::default(),
            first_delay: Millis(10_000),
            max_delay: Millis(600_000),
            on: RetryOn::default(),
        }
    }
}

/// The most attempts that may be asked for.
pub const MAX_ATTEMPTS: u32 = 100;

impl RetryDecl {
    /// How long to wait, in milliseconds, before the next attempt; none where there is none. `made` attempts were made
    /// in this go of the run, at least 1. `spread`, from 0 to 1, shortens the delay by up to a quarter, so that many that
    /// failed of one cause do not come back at one moment.
    pub fn delay_ms(&self, made: u32, error: &Error, spread: f64) -> Option<u64> {
        let again = match (error.kind, self.on) {
            (Kind::Cancelled | Kind::Schema | Kind::Usage, _) => false,
            (_, RetryOn::Any) => true,
            (_, RetryOn::Passing) => error.retry == Retry::Later,
        };
        if !again || made >= self.max_attempts {
            return None;
        }
        let first = self.first_delay.0;
        let delay = match self.backoff {
            Backoff::Constant => first,
            Backoff::Linear => first.saturating_mul(u64::from(made)),
            Backoff::Exponential => first.saturating_mul(1 << (made - 1).min(40)),
        };
        let delay = delay.min(self.max_delay.0);
        Some(delay - (delay as f64 * spread.clamp(0.0, 1.0) / 4.0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(backoff: Backoff, on: RetryOn) -> RetryDecl {
        RetryDecl {
            max_attempts: 5,
            backoff,
            first_delay: Millis(100),
            max_delay: Millis(350),
            on,
        }
    }

    #[test]
    fn delays_grow_as_told_up_to_the_longest() {
        let passing = Error::new(Kind::Resource, "http.status", "503").later();
        let delays = |backoff| {
            let policy = policy(backoff, RetryOn::Passing);
            (1..6)
                .map(|made| policy.delay_ms(made, &passing, 0.0))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            delays(Backoff::Constant),
            [Some(100), Some(100), Some(100), Some(100), None]
        );
        assert_eq!(
            delays(Backoff::Linear),
            [Some(100), Some(200), Some(300), Some(350), None]
        );
        assert_eq!(
            delays(Backoff::Exponential),
            [Some(100), Some(200), Some(350), Some(350), None]
        );
        assert_eq!(
            policy(Backoff::Constant, RetryOn::Passing).delay_ms(1, &passing, 1.0),
            Some(75)
        );
    }

    #[test]
    fn an_error_that_will_not_pass_is_tried_again_only_where_the_schema_says_so() {
        let lasting = Error::new(Kind::Data, "flow.contract", "a null");
        let stopped = Error::new(Kind::Cancelled, "run.cancelled", "stopped");
        assert_eq!(
            policy(Backoff::Linear, RetryOn::Passing).delay_ms(1, &lasting, 0.0),
            None
        );
        assert_eq!(
            policy(Backoff::Linear, RetryOn::Any).delay_ms(1, &lasting, 0.0),
            Some(100)
        );
        assert_eq!(
            policy(Backoff::Linear, RetryOn::Any).delay_ms(1, &stopped, 0.0),
            None
        );
    }
}
