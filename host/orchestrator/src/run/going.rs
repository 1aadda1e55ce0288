//! The runs that go on in this process, each with what stops it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tidegate_core::plan::RunId;
use tokio_util::sync::CancellationToken;

/// The runs that go on in this process.
#[derive(Debug, Default)]
pub(super) struct Going {
    runs: Mutex<HashMap<RunId, CancellationToken>>,
}

impl Going {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<RunId, CancellationToken>) -> T) -> T {
        act(&mut self.runs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn begin(&self, run: RunId, token: CancellationToken) {
        self.with(|runs| runs.insert(run, token));
    }

    pub(super) fn end(&self, run: RunId) {
        self.with(|runs| runs.remove(&run));
    }

    /// Stops a run, if it goes on here.
    pub(super) fn stop(&self, run: RunId) {
        self.with(|runs| {
            if let Some(token) = runs.get(&run) {
                token.cancel();
            }
        });
    }

    /// Stops every run.
    pub(super) fn stop_all(&self) {
        self.with(|runs| runs.values().for_each(CancellationToken::cancel));
    }
}
