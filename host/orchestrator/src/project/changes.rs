//! What has to change at a destination before it can be loaded.

use serde_json::Value;
use tidegate_core::plan::{AssetName, DestinationSpec};
use tidegate_core::port::{Change, OpenChanges};
use tidegate_core::schema::{ReferenceKind, fill};
use tidegate_core::{Error, Errors, Result};

use super::{AssetPlan, Project};
use crate::error::OrchestratorError;

impl Project {
    /// Looks at an asset's destination. Changes nothing.
    pub async fn changes(&self, plan: &AssetPlan) -> Result<Vec<Change>> {
        self.ask(plan, false).await
    }

    /// Makes the changes by which nothing is lost, and answers all that there were.
    pub async fn apply_changes(&self, plan: &AssetPlan) -> Result<Vec<Change>> {
        self.ask(plan, true).await
    }

    async fn ask(&self, plan: &AssetPlan, apply: bool) -> Result<Vec<Change>> {
        let mut spec = plan.destination.clone();
        let secrets;
        (spec.resource, secrets) = self.with_secrets(&spec.resource)?;
        let connector = self.connector(&spec.connector)?;
        let open = OpenChanges {
            spec: &spec,
            schema: plan.loaded.clone(),
            secrets: &secrets,
        };
        if apply {
            connector.apply_changes(open).await
        } else {
            connector.changes(open).await
        }
    }

    /// Where an asset goes, with secrets filled in: for what works on the destination itself.
    pub fn open_destination_spec(&self, name: &AssetName) -> Result<DestinationSpec, Errors> {
        let asset = self.loaded.assets.get(name).ok_or_else(|| {
            Error::from(OrchestratorError::UnknownAsset {
                name: name.to_string(),
                hint: "`tidegate asset list` shows them".into(),
            })
        })?;
        let mut spec = self.destination(asset).map_err(Errors)?;
        (spec.resource, _) = self.with_secrets(&spec.resource)?;
        Ok(spec)
    }

    /// A resource's config with secrets filled in, and their values.
    pub(crate) fn with_secrets(&self, config: &Value) -> Result<(Value, Vec<String>)> {
        Ok(fill(config, ReferenceKind::Secret, &*self.lookup)?)
    }
}
