//! `kind: Job`: assets that are run together, under a name.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Millis;
use super::one_or_many::OneOrMany;
use super::retry::RetryDecl;
use crate::plan::AssetName;

/// Assets that are run together, under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The job's name.
    pub name: AssetName,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Its assets, by name or as the selection syntax has it: `group:sales`, `+orders`.
    pub select: OneOrMany,
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
