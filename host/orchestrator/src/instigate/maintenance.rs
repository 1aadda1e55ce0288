//! Work on what was loaded: parts of tables are merged.

use serde_json::{Map, Value};
use tidegate_core::plan::AssetName;
use tidegate_core::{Error, Errors, Kind, Result};

use crate::project::Project;

impl Project {
    /// Merges what the loads of some assets left, one asset after the other, and answers what is there then, by asset.
    /// Repeating it does no harm.
    pub async fn optimize(&self, assets: &[AssetName]) -> Result<Value> {
        let mut done = Map::new();
        for name in assets {
            let destination = self.open_destination_spec(name).map_err(first)?;
            let connector = self.connector(&destination.connector)?;
            let Some(result) = connector.optimize(&destination).await? else {
                let message = format!(
                    "the asset `{name}` is loaded by the connector `{}`, which has nothing to merge",
                    destination.connector
                );
                return Err(Error::new(Kind::Schema, "schedule.optimize", message)
                    .hint("name assets that are loaded into ClickHouse"));
            };
            done.insert(name.to_string(), result);
        }
        Ok(Value::Object(done))
    }
}

/// Of several errors the one that is kept with a tick.
pub(crate) fn first(errors: Errors) -> Error {
    let mut errors = errors.0.into_iter();
    errors
        .next()
        .unwrap_or_else(|| Error::new(Kind::Internal, "schedule.errors", "an error without a cause"))
}
