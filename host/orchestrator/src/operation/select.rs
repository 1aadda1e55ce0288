//! A step that materializes assets: their slices become work of the same run.

use std::sync::Arc;

use chrono::Utc;
use serde_json::{Value, json};
use tidegate_core::plan::{AssetName, PartitionKey};
use tidegate_core::port::StateStore;
use tidegate_core::schema::{MaterializeDecl, OneOrMany};
use tidegate_core::{Error, Kind, Result};

use super::step::StepWork;
use crate::instigate::{Slices, first};
use crate::project::Project;
use crate::run::Item;

/// The most slices that one step may ask for.
const MAX_SLICES: usize = 50_000;

/// The slices that are wanted, in the order of work; and what is kept of them as the step's result.
pub(super) async fn select(
    project: &Arc<Project>,
    state: &dyn StateStore,
    step: &StepWork,
    decl: &MaterializeDecl,
) -> Result<(Value, Vec<Item>)> {
    let assets = project.select(&decl.select.0).map_err(first)?;
    let key = match &decl.partition {
        Some(text) => Some(OneOrMany(vec![step.fill("partition", text)?])),
        None => None,
    };
    let mut items = Vec::new();
    for slices in Slices::of(key.as_ref(), Utc::now()) {
        items.extend(slices.items(project, state, &assets).await?);
    }
    if items.len() > MAX_SLICES {
        let message = format!(
            "step `{}` asks for {} slices; {MAX_SLICES} are allowed",
            step.step.name,
            items.len()
        );
        return Err(Error::new(Kind::Usage, "step.too_many", message).hint("make a backfill instead"));
    }
    let partitions: Vec<Value> = items
        .iter()
        .map(|(asset, partition)| json!({"asset": asset, "partition": partition}))
        .collect();
    Ok((json!({"assets": assets, "partitions": partitions}), items))
}

/// The slices that a result of [`select`] names; none of any other result.
pub(super) fn slices(result: &Value) -> Vec<Item> {
    let partitions = result.get("partitions").and_then(Value::as_array);
    let slice = |each: &Value| {
        let asset: AssetName = each.get("asset")?.as_str()?.parse().ok()?;
        Some((asset, PartitionKey(each.get("partition")?.as_str()?.to_owned())))
    };
    partitions.into_iter().flatten().filter_map(slice).collect()
}
