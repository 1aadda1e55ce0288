//! Whether a schedule or sensor is on.

use serde::Serialize;
use tidegate_core::port::InstigatorRecord;

/// Whether it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It makes ticks.
    Running,
    /// It is off: the schema says so, or somebody stopped it.
    Stopped,
    /// It stopped by itself.
    Paused,
}

/// Whether it is on, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Whether it is on.
    pub state: State,
    /// Whether somebody said so by hand.
    pub by_hand: bool,
    /// Why it stopped by itself.
    pub why: Option<String>,
}

impl State {
    /// As it is shown.
    pub fn text(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Paused => "paused",
        }
    }
}

impl Standing {
    /// What was said by hand stands over what the schema says.
    pub fn of(declared: bool, record: Option<&InstigatorRecord>) -> Self {
        let by_hand = record.and_then(|record| record.enabled);
        let why = record.and_then(|record| record.paused.clone());
        let state = match (by_hand.unwrap_or(declared), &why) {
            (false, _) => State::Stopped,
            (true, Some(_)) => State::Paused,
            (true, None) => State::Running,
        };
        Self {
            state,
            by_hand: by_hand.is_some(),
            why,
        }
    }
}
