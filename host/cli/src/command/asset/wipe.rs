//! `tidegate asset wipe`: forgets that an asset was materialized.

use std::process::ExitCode;

use chrono::Utc;
use serde_json::json;
use tidegate_core::Errors;
use tidegate_core::port::Wipe;
use tidegate_core::schema::Load;
use tidegate_orchestrator::{slice_of, unless_held};

use crate::arguments::ProjectAt;
use crate::output::{Output, counted};
use crate::session;

pub(super) async fn run(
    at: &ProjectAt,
    name: &str,
    partition: Option<&str>,
    yes: bool,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    let asset = session::asset(&project, name)?;
    let slice = partition
        .map(|key| slice_of(&project, &asset, Some(key)))
        .transpose()?;
    let state = session::open_state(&project).await?;
    let wipe = Wipe {
        asset: asset.clone(),
        slice,
        dry_run: !yes,
        at: Utc::now(),
    };
    let forgotten = unless_held(&asset, state.wipe(&wipe).await?)?;
    let appends = project
        .documents()
        .assets
        .get(&asset)
        .is_some_and(|asset| asset.value.destination.load == Load::Append);
    let shown = json!({"asset": asset, "partition": partition, "wiped": yes, "forgotten": forgotten});
    output.show(&shown, || {
        let word = if yes { "forgotten" } else { "to be forgotten" };
        say!(
            "{word}: {} of {} of `{asset}`, {}",
            counted(forgotten.materializations as usize, "materialization"),
            counted(forgotten.slices as usize, "slice"),
            counted(forgotten.checkpoints as usize, "checkpoint")
        );
        say!("what was loaded stays where it lies; runs and their events stay too");
        if appends {
            say!("the next run reads everything and appends it: empty the destination first, or rows are there twice");
        }
        if !yes {
            say!("next: the same with --yes");
        }
    });
    Ok(ExitCode::SUCCESS)
}
