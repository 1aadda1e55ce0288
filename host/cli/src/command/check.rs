//! `tidegate check`: everything that can be found before any data moves.

use std::process::ExitCode;

use serde_json::json;
use tidegate_core::{Error, Errors};
use tidegate_orchestrator::{Found, HealthLimits, ResourceHealth};

use crate::arguments::ProjectAt;
use crate::output::{Output, Table, counted};
use crate::session;

pub(crate) async fn run(
    at: &ProjectAt,
    locked: bool,
    connect: bool,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let project = session::open_locked(at, locked)?;
    let plans = project.prepare(&project.graph().order()).await?;
    Errors::or(project.check_instigators(), ())?;
    let steps: usize = plans.iter().map(|plan| plan.steps.len()).sum();
    let resources = project.documents().resources.len();
    let mut told = json!({"assets": plans.len(), "resources": resources, "transforms": steps});
    let connections = if connect {
        let found = project.check_health(HealthLimits::default()).await;
        told["connections"] = json!(found);
        found
    } else {
        Vec::new()
    };
    output.show(&told, || {
        say!(
            "ok: {}, {}, {}",
            counted(plans.len(), "asset"),
            counted(resources, "resource"),
            counted(steps, "transform")
        );
        show(&connections);
    });
    let errors: Vec<Error> = connections.into_iter().flat_map(errors).collect();
    // In JSON they stand beside their resources.
    match (errors.first(), output.is_json()) {
        (None, _) => Ok(ExitCode::SUCCESS),
        (Some(first), true) => Ok(ExitCode::from(first.kind.exit_code())),
        (Some(_), false) => Err(Errors(errors)),
    }
}

/// A line a resource.
fn show(connections: &[ResourceHealth]) {
    if connections.is_empty() {
        return;
    }
    let mut table = Table::new(&["resource", "type", "state", "what answered"]);
    for each in connections {
        let (state, told) = match &each.found {
            Found::Ok(health) => {
                let about = std::iter::once(&health.about).chain(&health.warnings);
                ("ok", about.cloned().collect::<Vec<_>>().join("; "))
            }
            Found::Failed { errors } => {
                let codes = errors.iter().map(|error| error.code.as_str());
                ("failed", codes.collect::<Vec<_>>().join(", "))
            }
            Found::NotAsked => ("not asked", "a run asks it".to_owned()),
        };
        table.row([
            each.resource.to_string(),
            each.connector.clone(),
            state.to_owned(),
            told,
        ]);
    }
    table.print();
}

fn errors(connection: ResourceHealth) -> Vec<Error> {
    match connection.found {
        Found::Failed { errors } => errors,
        Found::Ok(_) | Found::NotAsked => Vec::new(),
    }
}
