//! `tidegate asset checks`: what the checks of assets said. `tidegate asset check`: what they say of what lies there.

use std::process::ExitCode;
use std::sync::Arc;

use chrono::Utc;
use serde_json::json;
use tidegate_core::plan::{AssetName, CheckStep, PartitionKey};
use tidegate_core::port::{CheckResult, Severity, StateStore, Verdict};
use tidegate_core::schema::CheckDecl;
use tidegate_core::{Error, Errors};
use tidegate_orchestrator::{AssetPlan, OrchestratorError, Project};

use crate::arguments::{CheckAsset, Checks, ProjectAt};
use crate::output::{Output, Table, brief, printable};
use crate::session;

/// A check of severity error has failed; the exit code of data that is not as it should be.
const FAILED: u8 = 4;

pub(crate) async fn results(at: &ProjectAt, checks: &Checks, output: &Output) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    let names = selected(&project, &checks.selection)?;
    let state = session::open_state(&project).await?;
    let mut shown = Vec::new();
    let mut table = Table::new(&["asset", "check", "state", "severity", "at", "message"]);
    for name in &names {
        let Some(asset) = project.documents().assets.get(name) else {
            continue;
        };
        let last = state.last_check_results(name).await?;
        for decl in &asset.value.checks {
            let title = decl.title();
            let found = last.iter().find(|result| is_of(result, &title));
            let called = found.map_or(title.as_str(), |result| result.verdict.check.as_str());
            let history = match checks.history {
                Some(most) => state.check_results(name, called, most).await?,
                None => Vec::new(),
            };
            table.row(match found {
                Some(result) => line(name, result),
                None => [
                    name.to_string(),
                    title.clone(),
                    "never run".to_owned(),
                    decl.severity.map_or("", Severity::text).to_owned(),
                    String::new(),
                    String::new(),
                ],
            });
            shown.push((name, decl, called.to_owned(), found.cloned(), history));
        }
    }
    let listed: Vec<_> = shown
        .iter()
        .map(|(asset, decl, check, last, history)| described(asset, decl, check, last.as_ref(), history))
        .collect();
    output.show(&listed, || {
        table.print();
        for (asset, _, check, _, history) in &shown {
            if !history.is_empty() {
                say!("\n{asset}: {}", printable(check));
                print_history(history);
            }
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// The assets of a selection that have checks, in the order in which they are made from each other.
fn selected(project: &Project, wanted: &[String]) -> Result<Vec<AssetName>, Errors> {
    let assets = &project.documents().assets;
    let mut order = project.graph().order();
    if wanted.is_empty() {
        order.retain(|name| {
            assets
                .get(name)
                .is_some_and(|asset| !asset.value.checks.is_empty())
        });
        return Ok(order);
    }
    project.select(wanted)
}

/// Whether a result is of the check of a title; one of a plugin has the plugin's version behind it.
fn is_of(result: &CheckResult, title: &str) -> bool {
    let rest = result.verdict.check.strip_prefix(title);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}

fn described(
    asset: &AssetName,
    decl: &CheckDecl,
    check: &str,
    last: Option<&CheckResult>,
    history: &[CheckResult],
) -> serde_json::Value {
    json!({
        "asset": asset,
        "check": check,
        "kind": decl.kinds().first(),
        "description": decl.description,
        "blocking": decl.blocks(),
        "last": last,
        "history": history,
        "trend": trend(history),
    })
}

fn line(asset: &AssetName, result: &CheckResult) -> [String; 6] {
    [
        asset.to_string(),
        printable(&result.verdict.check),
        word(&result.verdict, result.shown).to_owned(),
        result.verdict.severity.text().to_owned(),
        result.at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
        brief(&printable(&result.verdict.message)),
    ]
}

fn word(verdict: &Verdict, shown: bool) -> &'static str {
    match (verdict.passed, verdict.severity, shown) {
        (true, ..) => "passed",
        (false, Severity::Warn, _) => "warns",
        (false, Severity::Error, true) => "failed",
        (false, Severity::Error, false) => "blocked",
    }
}

/// What is plotted of a check: the rows that failed, or what else it measures first.
fn trend(history: &[CheckResult]) -> Vec<f64> {
    let measured = history.iter().rev();
    measured
        .filter_map(|result| result.verdict.measures.first().map(|(_, value)| *value))
        .collect()
}

fn print_history(history: &[CheckResult]) {
    let trend = trend(history);
    if trend.len() > 1 {
        let name = history
            .iter()
            .find_map(|result| result.verdict.measures.first())
            .map_or("", |(name, _)| name.as_str());
        say!("{}, oldest first: {}", printable(name), bars(&trend));
    }
    let mut table = Table::new(&["at", "partition", "state", "measures", "message"]);
    for result in history {
        let measures: Vec<String> = result
            .verdict
            .measures
            .iter()
            .map(|(name, value)| format!("{}: {value}", printable(name)))
            .collect();
        table.row([
            result.at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
            printable(&result.partition.0),
            word(&result.verdict, result.shown).to_owned(),
            measures.join(", "),
            brief(&printable(&result.verdict.message)),
        ]);
    }
    table.print();
}

/// A bar a value, from the least to the greatest.
fn bars(values: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let span = greatest - least;
    values
        .iter()
        .map(|value| {
            let share = if span > 0.0 { (value - least) / span } else { 0.0 };
            BARS[((share * 7.0).round() as usize).min(7)]
        })
        .collect()
}

pub(crate) async fn check(at: &ProjectAt, check: &CheckAsset, output: &Output) -> Result<ExitCode, Errors> {
    let project = Arc::new(session::open_project(at)?);
    let name = session::asset(&project, &check.asset)?;
    let plans = project.prepare(std::slice::from_ref(&name)).await?;
    let Some(plan) = plans.first() else {
        return Ok(ExitCode::SUCCESS);
    };
    let state = session::open_state(&project).await?;
    let results = look(&project, plan, &*state, check.partition.as_deref()).await?;
    let mut table = Table::new(&["check", "state", "severity", "message"]);
    for result in &results {
        let verdict = &result.verdict;
        table.row([
            printable(&verdict.check),
            word(verdict, true).to_owned(),
            verdict.severity.text().to_owned(),
            brief(&printable(&verdict.message)),
        ]);
    }
    output.show(&results, || {
        if table.is_empty() {
            say!("{name} has no check that can look at what lies there");
        } else {
            table.print();
        }
    });
    let failed = results
        .iter()
        .any(|result| !result.verdict.passed && result.verdict.severity == Severity::Error);
    Ok(if failed {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

async fn look(
    project: &Arc<Project>,
    plan: &AssetPlan,
    state: &dyn StateStore,
    key: Option<&str>,
) -> Result<Vec<CheckResult>, Errors> {
    let at = Utc::now();
    let partition = match (key, &plan.partitioning) {
        (None, _) => None,
        (Some(_), None) => return Err(Error::from(OrchestratorError::NoPartitions(plan.name.clone())).into()),
        (Some(key), Some(slices)) => Some(slices.find(key).map_err(|error| {
            Error::from(OrchestratorError::Partition {
                asset: plan.name.clone(),
                why: error.to_string(),
            })
        })?),
    };
    // What lies there came with the last load, which is not compared with itself.
    let most = plan.checks.iter().map(CheckStep::history).max().unwrap_or(0);
    let slice = plan.partitioning.is_none().then(PartitionKey::whole);
    let history = state
        .recent_rows(&plan.name, slice.as_ref(), most.saturating_add(1))
        .await?;
    let history = history.get(1..).unwrap_or_default();
    let verdicts = project.look(plan, partition.as_ref(), history, at).await?;
    let results: Vec<CheckResult> = verdicts
        .into_iter()
        .map(|verdict| CheckResult {
            run: None,
            asset: plan.name.clone(),
            partition: partition
                .as_ref()
                .map(|partition| partition.key.clone())
                .unwrap_or_default(),
            attempt: None,
            verdict,
            shown: true,
            at,
        })
        .collect();
    state.keep_check_results(&results).await?;
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::bars;

    #[test]
    fn a_trend_is_drawn_from_the_least_to_the_greatest() {
        assert_eq!(bars(&[0.0, 7.0, 3.5]), "▁█▅");
        assert_eq!(bars(&[2.0, 2.0]), "▁▁");
    }
}
