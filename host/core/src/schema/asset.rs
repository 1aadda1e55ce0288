//! `kind: Asset`: a named data set, where it comes from and where it goes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::automation::AutomationDecl;
use super::check::CheckDecl;
use super::column::{Column, Contract, Load};
use super::duration::Millis;
use super::freshness::FreshnessDecl;
use super::partitions::{MappingDecl, Partitions};
use super::placeholder::placeholders;
use super::project::CheckpointDecl;
use super::retry::RetryDecl;
use super::transform::TransformDecl;
use crate::plan::AssetName;

/// A named data set that a source, transforms and a destination produce.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// Its name: small letters, digits, `_` and `-`.
    pub name: AssetName,
    /// What a row of it is.
    #[serde(default)]
    pub description: Option<String>,
    /// Who answers for it, such as `team:sales-data`.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Assets of one group are shown together.
    #[serde(default)]
    pub group: Option<String>,
    /// The targets of the project with which the asset is there at all; empty for always.
    #[serde(default)]
    pub targets: Vec<AssetName>,
    /// Words to select it by.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Assets that must come first without rows being read from them; what is read comes first by itself.
    #[serde(default)]
    pub deps: Vec<AssetName>,
    /// Where its rows come from.
    pub source: SourceDecl,
    /// The contract of what is loaded, in this order.
    pub columns: Vec<Column>,
    /// What is done to the rows, in this order.
    #[serde(default)]
    pub transforms: Vec<TransformDecl>,
    /// Where the rows go.
    pub destination: DestinationDecl,
    /// What happens to columns that reach the destination and are not in `columns`.
    #[serde(default)]
    pub contract: Contract,
    /// How the asset is sliced: by time, by the values of a column, or by both.
    #[serde(default)]
    pub partitions: Option<Partitions>,
    /// What is to hold of what is loaded.
    #[serde(default)]
    pub checks: Vec<CheckDecl>,
    /// How new it must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<FreshnessDecl>,
    /// When it is materialized by itself; never, unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automation: Option<AutomationDecl>,
    /// How often an attempt makes its work durable.
    #[serde(default)]
    pub checkpoint: Option<CheckpointDecl>,
    /// How an attempt that failed is made again; the project's way, unless told.
    #[serde(default)]
    pub retry: Option<RetryDecl>,
    /// How long an attempt may take; for ever, unless told.
    #[serde(default)]
    pub timeout: Option<Millis>,
    /// The pools of the project that an attempt uses.
    #[serde(default)]
    pub pools: Vec<AssetName>,
    /// Attempts at this asset's partitions at once; as many as there is room for, unless told.
    #[serde(default)]
    pub concurrency: Option<u32>,
}

/// Where rows come from: a resource, or another asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Source")]
pub struct SourceDecl {
    /// The resource to read from.
    #[serde(default)]
    pub resource: Option<AssetName>,
    /// The asset to read, in place of a resource.
    #[serde(default)]
    pub asset: Option<AssetName>,
    /// A query over other assets, each written `{NAME}`, where they all lie in one database and the destination's connector
    /// speaks SQL; it runs there.
    #[serde(default)]
    pub sql: Option<String>,
    /// The columns to read, with their types. Without it: of a resource, the asset's own `columns` that no transform
    /// writes before one reads them; of an asset, all that it has.
    #[serde(default)]
    pub columns: Option<Vec<Column>>,
    /// Read only what is new since the last materialization, where the connector can.
    #[serde(default)]
    pub cursor: Option<CursorDecl>,
    /// Which partitions of the assets it reads a partition is made from, where that is not those that are alike.
    #[serde(default)]
    pub partitions: Option<MappingDecl>,
    /// What the resource's connector needs to know.
    #[serde(flatten)]
    #[schemars(skip)]
    pub config: BTreeMap<String, serde_json::Value>,
}

/// How what is new is told from what was read before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Cursor")]
pub struct CursorDecl {
    /// The column that grows with each new or changed row: a number, date or timestamp that is never missing.
    pub column: String,
    /// How far before the greatest value read so far it begins, for rows that come late; of dates and timestamps only.
    #[serde(default)]
    pub lag: Millis,
}

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Destination")]
pub struct DestinationDecl {
    /// The resource to write to.
    pub resource: AssetName,
    /// How what is loaded meets what lies there.
    #[serde(default)]
    pub load: Load,
    /// What the resource's connector needs to know.
    #[serde(flatten)]
    #[schemars(skip)]
    pub config: BTreeMap<String, serde_json::Value>,
}

impl Asset {
    /// The assets that come before it: those that it reads, and those of `deps`, each once.
    pub fn upstream(&self) -> Vec<AssetName> {
        let mut names = self.read();
        for name in &self.deps {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// The assets that rows are read from: those of its source and those that its SQL joins, each once.
    pub fn read(&self) -> Vec<AssetName> {
        let mut names = self.source.assets();
        for name in self.transforms.iter().flat_map(TransformDecl::assets) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Where the document says that an asset comes before it; none where it does not.
    pub fn pointer_to(&self, upstream: &AssetName) -> Option<String> {
        if self.source.asset.as_ref() == Some(upstream) {
            return Some("/source/asset".into());
        }
        if self.source.assets().contains(upstream) {
            return Some("/source/sql".into());
        }
        let step = self
            .transforms
            .iter()
            .position(|step| step.assets().contains(upstream));
        if let Some(index) = step {
            return Some(format!("/transforms/{index}/sql"));
        }
        let dep = self.deps.iter().position(|dep| dep == upstream)?;
        Some(format!("/deps/{dep}"))
    }
}

impl SourceDecl {
    /// The keys that every source has; the rest is the connector's.
    pub const KEYS: &'static [&'static str] =
        &["resource", "asset", "sql", "columns", "cursor", "partitions"];

    /// The assets that rows come from.
    pub fn assets(&self) -> Vec<AssetName> {
        match (&self.asset, &self.sql) {
            (Some(asset), _) => vec![asset.clone()],
            (None, Some(sql)) => placeholders(sql),
            (None, None) => Vec::new(),
        }
    }
}

impl DestinationDecl {
    /// The keys that every destination has; the rest is the connector's.
    pub const KEYS: &'static [&'static str] = &["resource", "load"];
}
