//! `tidegate automation`: assets that are materialized by themselves.

use std::process::ExitCode;

use chrono::Utc;
use serde_json::json;
use tidegate_core::plan::{AssetName, Explained};
use tidegate_core::port::{AssetEvaluation, EVALUATIONS_KEPT, Instigator, InstigatorKind, StateStore};
use tidegate_core::{Error, Errors, Kind, Result};
use tidegate_orchestrator::{AutomationKnown, Project, Standing};

use super::ticks;
use crate::arguments::{AutomationCommand, ProjectAt};
use crate::output::{Output, Table};
use crate::session;

pub(crate) async fn run(
    at: &ProjectAt,
    command: &AutomationCommand,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    let state = session::open_state(&project).await?;
    let state: &dyn StateStore = state.as_ref();
    match command {
        AutomationCommand::List => list(&project, state, output).await?,
        AutomationCommand::Show { asset } => show(&project, &of(&project, asset)?, state, output).await?,
        AutomationCommand::Explain { asset, evaluation } => {
            explain(&of(&project, asset)?, *evaluation, state, output).await?;
        }
        AutomationCommand::Start { assets } => switch(&project, assets, true, state, output).await?,
        AutomationCommand::Stop { assets } => switch(&project, assets, false, state, output).await?,
        AutomationCommand::Preview => preview(&project, state, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// An asset with an automation.
fn of(project: &Project, name: &str) -> Result<AssetName> {
    let asset = session::asset(project, name)?;
    let declared = project.documents().assets.get(&asset);
    if declared.is_none_or(|declared| declared.value.automation.is_none()) {
        let message = format!("the asset `{asset}` has no automation");
        return Err(Error::new(Kind::Usage, "automation.none", message)
            .hint("write for example `automation: eager` into its document; docs/automation.md shows more"));
    }
    Ok(asset)
}

fn instigator(name: AssetName) -> Instigator {
    Instigator {
        kind: InstigatorKind::Automation,
        name,
    }
}

async fn switch(
    project: &Project,
    names: &[String],
    on: bool,
    state: &dyn StateStore,
    output: &Output,
) -> Result<()> {
    // All are looked at before one is changed.
    let assets = names
        .iter()
        .map(|name| of(project, name))
        .collect::<Result<Vec<_>>>()?;
    for asset in assets {
        ticks::switch(state, &instigator(asset), on, output).await?;
    }
    Ok(())
}

/// How many slices an evaluation asked for, or the code of the error that it was not made for.
fn came_to(evaluation: &AssetEvaluation) -> String {
    match &evaluation.error {
        Some(error) => error.code.clone(),
        None => evaluation.requested.to_string(),
    }
}

async fn list(project: &Project, state: &dyn StateStore, output: &Output) -> Result<()> {
    let known = state.instigators().await?;
    let mut table = Table::new(&["asset", "state", "automation", "last change", ">asked for"]);
    let mut listed = Vec::new();
    for (name, placed) in &project.documents().assets {
        let Some(condition) = &placed.value.automation else {
            continue;
        };
        let record = ticks::record_of(&known, &instigator(name.clone()));
        let standing = Standing::of(false, record);
        let last = state.evaluations(name, 1).await?.pop();
        let word = serde_json::to_value(condition).unwrap_or_default();
        table.row([
            name.to_string(),
            ticks::standing(&standing),
            word.as_str().map_or_else(|| word.to_string(), str::to_owned),
            last.as_ref()
                .map(|last| ticks::instant(last.at))
                .unwrap_or_default(),
            last.as_ref()
                .map(|last| last.requested.to_string())
                .unwrap_or_default(),
        ]);
        listed.push(json!({"asset": name, "standing": standing, "automation": condition, "last": last}));
    }
    output.show(&listed, || {
        if table.is_empty() {
            say!("no asset has an automation; docs/automation.md shows how one is written");
        } else {
            table.print();
        }
    });
    Ok(())
}

async fn show(project: &Project, asset: &AssetName, state: &dyn StateStore, output: &Output) -> Result<()> {
    let record = state.instigator(&instigator(asset.clone())).await?;
    let standing = Standing::of(false, record.as_ref());
    let condition = project
        .documents()
        .assets
        .get(asset)
        .and_then(|asset| asset.value.automation.as_ref());
    let last = state.evaluations(asset, EVALUATIONS_KEPT as u32).await?;
    let shown = json!({"asset": asset, "standing": standing, "automation": condition, "evaluations": last});
    output.show(&shown, || {
        say!("automation of {asset}: {}", ticks::standing(&standing));
        say!("  {}", serde_json::to_string(&condition).unwrap_or_default());
        let mut table = Table::new(&[">evaluation", "at", ">asked for", ">runs"]);
        for one in &last {
            table.row([
                one.sequence.to_string(),
                ticks::instant(one.at),
                came_to(one),
                one.runs.len().to_string(),
            ]);
        }
        if table.is_empty() {
            say!("never evaluated");
        } else {
            table.print();
        }
    });
    Ok(())
}

async fn explain(
    asset: &AssetName,
    which: Option<i64>,
    state: &dyn StateStore,
    output: &Output,
) -> Result<()> {
    let kept = state.evaluations(asset, EVALUATIONS_KEPT as u32).await?;
    let found = kept
        .into_iter()
        .find(|one| which.is_none_or(|number| one.sequence == number));
    let Some(found) = found else {
        let message = match which {
            Some(number) => format!("the evaluation {number} of `{asset}` is not kept"),
            None => format!("`{asset}` was never evaluated"),
        };
        let hint = "`tidegate automation show` lists those that are kept; `tidegate serve` evaluates what is started";
        return Err(Error::new(Kind::Usage, "automation.evaluation", message).hint(hint));
    };
    output.show(&found, || {
        say!(
            "evaluation {} of {asset} at {}",
            found.sequence,
            ticks::instant(found.at)
        );
        if let Some(tree) = &found.explained {
            say_tree(tree, 0);
        }
        if let Some(error) = &found.error {
            say!("not evaluated: {error}");
            if let Some(hint) = &error.hint {
                say!("help: {hint}");
            }
        }
        for run in &found.runs {
            say!("launched run {run}");
        }
    });
    Ok(())
}

fn say_tree(part: &Explained, depth: usize) {
    let ranges = part.ranges.iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}...{last}")
        }
    });
    let ranges: Vec<String> = ranges.collect();
    let mut line = format!("{}{}  {}", "  ".repeat(depth), part.holds, part.condition);
    if !ranges.is_empty() {
        line = format!("{line}: {}", ranges.join(", "));
    }
    if let Some(why) = &part.why {
        line = format!("{line} ({why})");
    }
    say!("{line}");
    for below in &part.parts {
        say_tree(below, depth + 1);
    }
}

async fn preview(project: &Project, state: &dyn StateStore, output: &Output) -> Result<()> {
    let now = Utc::now();
    let mut known = AutomationKnown::load(project, state, now).await?;
    let evaluation = known.evaluate(project, state, now).await?;
    let trees: Vec<_> = evaluation
        .evaluated
        .iter()
        .map(|one| json!({"asset": one.asset, "requested": one.requested, "explained": one.explained}))
        .collect();
    let faults: Vec<_> = evaluation
        .new
        .assets
        .iter()
        .filter_map(|one| Some((&one.asset, one.error.as_ref()?)))
        .collect();
    let errors: Vec<_> = faults
        .iter()
        .map(|(asset, error)| json!({"asset": asset, "error": error}))
        .collect();
    let launched = ticks::launched(&evaluation.new.runs);
    let shown = json!({"at": now, "runs": launched, "assets": trees, "errors": errors});
    output.show(&shown, || {
        say!("an evaluation now would launch:");
        ticks::say_launched(&evaluation.new.runs);
        if evaluation.new.runs.is_empty() {
            say!("nothing");
        }
        for (asset, error) in &faults {
            say!("{asset} is not evaluated: {error}");
        }
    });
    Ok(())
}
