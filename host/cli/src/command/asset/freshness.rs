//! `tidegate asset freshness`: which assets are late.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use tidegate_core::Errors;
use tidegate_core::plan::FreshnessStatus;
use tidegate_orchestrator::freshness;

use crate::arguments::ProjectAt;
use crate::output::{Output, Table};
use crate::session;

/// Something is late; the exit code of data that is not as it should be.
const LATE: u8 = 4;

pub(crate) async fn run(at: &ProjectAt, output: &Output) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    let state = session::open_state(&project).await?;
    let found = freshness(&project, &*state, Utc::now()).await?;
    let mut table = Table::new(&["asset", "status", "materialized", "due"]);
    for each in &found {
        table.row([
            each.asset.to_string(),
            each.freshness.status.text().to_owned(),
            told(each.freshness.last_at, "never"),
            told(each.freshness.due_at, "not known"),
        ]);
    }
    output.show(&found, || {
        if found.is_empty() {
            say!("no asset says how fresh it must be: write `freshness: {{within: 26h}}` in one");
        } else {
            table.print();
        }
    });
    let late = found
        .iter()
        .any(|each| each.freshness.status == FreshnessStatus::Late);
    Ok(if late {
        ExitCode::from(LATE)
    } else {
        ExitCode::SUCCESS
    })
}

fn told(at: Option<DateTime<Utc>>, none: &str) -> String {
    at.map_or_else(
        || none.to_owned(),
        |at| at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
    )
}
