//! `kind: Job`: assets that are run together, or steps, under a name.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Millis;
use super::one_or_many::OneOrMany;
use super::retry::RetryDecl;
use super::step::StepDecl;
use crate::plan::AssetName;

/// Assets that are run together, or steps that are done one after the other, under a name: one of `select` and `steps`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The job's name.
    pub name: AssetName,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Its assets, by name or as the selection syntax has it: `group:sales`, `+orders`.
    #[serde(default)]
    pub select: Option<OneOrMany>,
    /// Its steps, where it does other work than to materialize what it selects.
    #[serde(default)]
    pub steps: Vec<StepDecl>,
    /// The slices of a run that names none: `latest` is the one that ended last, `none` every one that there is, all else
    /// keys, each a run of its own. Without it `latest`, where the assets have slices.
    #[serde(default)]
    pub partition: Option<OneOrMany>,
    /// Words to find its runs by, and to limit how many go on at once.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Of the queued runs the highest goes first.
    #[serde(default)]
    pub priority: i64,
    /// How long an attempt of its runs may take, in place of what the assets say.
    #[serde(default)]
    pub timeout: Option<Millis>,
    /// How an attempt of its runs that failed is made again, in place of what the assets say.
    #[serde(default)]
    pub retry: Option<RetryDecl>,
    /// Read everything, also from sources that would give only what is new.
    #[serde(default)]
    pub full_refresh: bool,
}
