//! `tidegate asset list`: every asset, or those that are selected, and how they stand.

use std::process::ExitCode;

use serde_json::json;
use tidegate_core::Errors;
use tidegate_orchestrator::standing;

use super::{describe, stands};
use crate::arguments::{Chosen, ProjectAt};
use crate::output::{Output, Table, brief, bytes, grouped};
use crate::session;

pub(super) async fn run(
    at: &ProjectAt,
    chosen: &Chosen,
    only_stale: bool,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    let mut names = if chosen.texts().is_empty() {
        project.graph().order()
    } else {
        session::chosen(&project, chosen)?
    };
    names.sort();
    let state = session::open_state(&project).await?;
    let mut found = standing(&project, state.as_ref(), &names).await?;
    let facts = project.facts();
    let mut table = Table::new(&[
        "asset",
        "group",
        ">partitions",
        ">rows",
        ">bytes",
        "materialized",
        "stands",
        "description",
    ]);
    let mut listed = Vec::new();
    for name in &names {
        let (Some(asset), Some(standing)) = (project.documents().assets.get(name), found.remove(name)) else {
            continue;
        };
        if only_stale && standing.stale.is_empty() {
            continue;
        }
        let asset = &asset.value;
        let rows: u64 = standing.versions.iter().map(|each| each.rows).sum();
        let size: u64 = standing.versions.iter().map(|each| each.bytes).sum();
        let last = standing.versions.iter().map(|each| each.at).max();
        let text = last.map_or("never".to_owned(), |at| {
            at.format("%Y-%m-%d %H:%M:%SZ").to_string()
        });
        table.row([
            name.to_string(),
            asset.group.clone().unwrap_or_default(),
            standing.versions.len().to_string(),
            grouped(rows),
            bytes(size),
            text,
            stands(&standing),
            brief(asset.description.as_deref().unwrap_or_default()),
        ]);
        listed.push(json!({
            "name": name,
            "group": asset.group,
            "owners": asset.owners,
            "tags": asset.tags,
            "kinds": facts.get(name).map(|facts| &facts.kinds),
            "description": asset.description,
            "upstream": project.graph().upstream(name).collect::<Vec<_>>(),
            "partitions": standing.versions.len(),
            "rows": rows,
            "bytes": size,
            "materialized_at": last,
            "code_version": standing.code_version,
            "staleness": describe(&standing),
        }));
    }
    output.show(&listed, || {
        if table.is_empty() && only_stale {
            say!("nothing is stale");
        } else {
            table.print();
        }
    });
    Ok(ExitCode::SUCCESS)
}
