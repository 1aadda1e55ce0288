//! What has to change at a destination before it can be loaded.

use serde_json::Value;
use tidegate_core::port::{Change, OpenChanges};
use tidegate_core::schema::{ReferenceKind, fill};
use tidegate_core::{Error, Kind, Result};

use super::{AssetPlan, Project};

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

    /// A resource's config with secrets filled in, and their values.
    pub(crate) fn with_secrets(&self, config: &Value) -> Result<(Value, Vec<String>)> {
        fill(config, ReferenceKind::Secret, &*self.lookup).map_err(|error| {
            Error::new(Kind::Schema, "schema.reference", error.to_string())
                .hint("set it: a secret X is the variable TIDEGATE_SECRET_X")
        })
    }
}
