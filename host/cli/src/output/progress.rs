//! A run while it goes on: bars on a terminal, a line a partition elsewhere, nothing where JSON was asked for.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tidegate_core::Error;
use tidegate_core::plan::{AssetName, PartitionKey, RunId, StepPlace};
use tidegate_core::port::PartitionState;
use tidegate_orchestrator::{PartitionOutcome, RunObserver};

use super::{duration, grouped};

/// Watches a run for a person.
pub(crate) struct Watch {
    bars: Option<Bars>,
    quiet: bool,
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    open: Mutex<HashMap<String, ProgressBar>>,
}

impl Watch {
    pub(crate) fn new(json: bool) -> Self {
        let bars = (!json && std::io::stderr().is_terminal()).then(|| {
            let all = MultiProgress::new();
            let total = all.add(ProgressBar::new(0));
            if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} partitions  {elapsed}") {
                total.set_style(style);
            }
            Bars {
                all,
                total,
                open: Mutex::default(),
            }
        });
        Self { bars, quiet: json }
    }

    /// Takes the bars off the screen.
    pub(crate) fn done(&self) {
        if let Some(bars) = &self.bars {
            bars.total.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        match &self.bars {
            Some(bars) => drop(bars.all.println(text)),
            None if self.quiet => {}
            None => complain!("{text}"),
        }
    }
}

fn name(asset: &AssetName, partition: &PartitionKey) -> String {
    if partition.is_whole() || partition.step() == Some(StepPlace::Whole) {
        asset.to_string()
    } else {
        format!("{asset} {partition}")
    }
}

impl RunObserver for Watch {
    fn run_started(&self, _: RunId, partitions: usize) {
        if let Some(bars) = &self.bars {
            bars.total.set_length(partitions as u64);
            bars.total.enable_steady_tick(Duration::from_millis(100));
        }
    }

    fn started(&self, asset: &AssetName, partition: &PartitionKey, resumed: bool) {
        let name = name(asset, partition);
        if resumed {
            self.line(&format!("{name}: goes on from its checkpoint"));
        }
        let Some(bars) = &self.bars else { return };
        let bar = bars.all.insert_before(&bars.total, ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {human_pos} rows  {per_sec}") {
            bar.set_style(style);
        }
        bar.set_message(name.clone());
        bars.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, bar);
    }

    fn progress(&self, asset: &AssetName, partition: &PartitionKey, rows: u64) {
        let Some(bars) = &self.bars else { return };
        if let Some(bar) = bars
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&name(asset, partition))
        {
            bar.set_position(rows);
        }
    }

    fn finished(&self, outcome: &PartitionOutcome) {
        let name = name(&outcome.asset, &outcome.partition);
        if let Some(bars) = &self.bars {
            let bar = bars
                .open
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&name);
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
            bars.total.inc(1);
        }
        match outcome.state {
            PartitionState::Succeeded => {
                let took = duration(outcome.duration_ms);
                self.line(&match &outcome.counts {
                    Some(counts) => format!("{name}: {} rows in {took}", grouped(counts.loaded)),
                    None => format!("{name}: done in {took}"),
                });
            }
            PartitionState::Skipped => self.line(&format!("{name}: skipped")),
            _ => self.line(&format!("{name}: failed")),
        }
    }

    fn retrying(&self, asset: &AssetName, partition: &PartitionKey, error: &Error, delay_ms: u64) {
        let delay = duration(delay_ms);
        self.line(&format!("{asset} {partition} is tried again in {delay}: {error}"));
    }

    fn warning(&self, error: &Error) {
        self.line(&format!("warning: {error}"));
    }
}
