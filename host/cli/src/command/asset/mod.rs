//! `tidegate asset`: a file a subcommand.

mod checks;
mod freshness;
mod lineage;
mod list;
mod report;
mod show;
mod wipe;

use std::process::ExitCode;

use tidegate_core::Errors;
use tidegate_orchestrator::AssetStanding;

use crate::arguments::{AssetCommand, ProjectAt};
use crate::command::partitions;
use crate::output::{Output, grouped};

pub(crate) async fn run(at: &ProjectAt, command: &AssetCommand, output: &Output) -> Result<ExitCode, Errors> {
    match command {
        AssetCommand::List { chosen, stale } => list::run(at, chosen, *stale, output).await,
        AssetCommand::Show { asset } => show::run(at, asset, output).await,
        AssetCommand::Lineage { what } => lineage::run(at, what, output).await,
        AssetCommand::Materialize(run) => super::run::run(at, run, output).await,
        AssetCommand::Wipe {
            asset,
            partition,
            yes,
        } => wipe::run(at, asset, partition.as_deref(), *yes, output).await,
        AssetCommand::Report(report) => report::run(at, report, output).await,
        AssetCommand::Checks(wanted) => checks::results(at, wanted, output).await,
        AssetCommand::Check(wanted) => checks::check(at, wanted, output).await,
        AssetCommand::Freshness => freshness::run(at, output).await,
        AssetCommand::Partitions { asset, command } => {
            partitions::run(at, asset, command.as_ref(), output).await
        }
    }
}

/// How an asset stands, in a few words: `up to date`, or why not, and for how many of its slices.
fn stands(standing: &AssetStanding) -> String {
    let reasons = standing.reasons();
    let Some(((first, count), more)) = reasons.split_first() else {
        return "up to date".into();
    };
    let slices = if standing.slices > 1 {
        format!(" ({} of {})", grouped(*count), grouped(standing.slices))
    } else {
        String::new()
    };
    let more = match more.len() {
        0 => String::new(),
        1 => ", and 1 other reason".into(),
        more => format!(", and {more} other reasons"),
    };
    format!("{first}{slices}{more}")
}

/// The same for programs.
fn describe(standing: &AssetStanding) -> serde_json::Value {
    let reasons: Vec<serde_json::Value> = standing
        .reasons()
        .into_iter()
        .map(|(stale, slices)| {
            let mut told = serde_json::to_value(stale).unwrap_or_default();
            told["slices"] = slices.into();
            told
        })
        .collect();
    serde_json::json!({
        "stale": !standing.stale.is_empty(),
        "slices": standing.slices,
        "stale_slices": standing.stale.len(),
        "reasons": reasons,
    })
}
