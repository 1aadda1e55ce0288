//! `tidegate check`: everything that can be found before any data moves.

use std::process::ExitCode;

use serde_json::json;
use tidegate_core::Errors;

use crate::arguments::ProjectAt;
use crate::output::{Output, counted};
use crate::session;

pub(crate) async fn run(at: &ProjectAt, locked: bool, output: &Output) -> Result<ExitCode, Errors> {
    let project = session::open_locked(at, locked)?;
    let plans = project.prepare(&project.graph().order()).await?;
    Errors::or(project.check_instigators(), ())?;
    let steps: usize = plans.iter().map(|plan| plan.steps.len()).sum();
    let resources = project.documents().resources.len();
    output.show(
        &json!({"assets": plans.len(), "resources": resources, "transforms": steps}),
        || {
            say!(
                "ok: {}, {}, {}",
                counted(plans.len(), "asset"),
                counted(resources, "resource"),
                counted(steps, "transform")
            );
        },
    );
    Ok(ExitCode::SUCCESS)
}
