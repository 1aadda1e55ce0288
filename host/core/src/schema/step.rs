//! The steps of an operational job.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::duration::{ByteSize, Millis};
use super::http::{Basic, HttpGrant, HttpLimits};
use super::one_or_many::OneOrMany;
use super::retry::RetryDecl;
use crate::plan::AssetName;

/// A step of a job. It says what to do with one of `exec`, `http`, `sql` and `materialize`. Texts in there may hold values
/// of other steps: `{{ steps.extract.result.count }}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Step")]
pub struct StepDecl {
    /// The step's name; no other step of the job and no asset is called the same.
    pub name: AssetName,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Run a child process.
    #[serde(default)]
    pub exec: Option<ExecDecl>,
    /// Send an HTTP request.
    #[serde(default)]
    pub http: Option<HttpStepDecl>,
    /// Ask a query over assets.
    #[serde(default)]
    pub sql: Option<SqlStepDecl>,
    /// Materialize assets.
    #[serde(default)]
    pub materialize: Option<MaterializeDecl>,
    /// The steps that must have ended before.
    #[serde(default)]
    pub needs: Vec<AssetName>,
    /// How those must have ended; else it is skipped.
    #[serde(default)]
    pub when: When,
    /// It is skipped where this expression over the results of steps before it does not hold.
    #[serde(default, rename = "if")]
    pub condition: Option<String>,
    /// It is done where the `if` of this step did not hold, and skipped where it did.
    #[serde(default, rename = "else")]
    pub otherwise: Option<AssetName>,
    /// It is done once for each value of the list that this expression gives.
    #[serde(default)]
    pub for_each: Option<String>,
    /// So many values at most; with more it fails. At most 10000.
    #[serde(default = "enough_items")]
    pub max_items: u32,
    /// Pools of the project that each attempt uses a place of.
    #[serde(default)]
    pub pools: Vec<AssetName>,
    /// How an attempt that failed is made again, in place of what the job says.
    #[serde(default)]
    pub retry: Option<RetryDecl>,
    /// How long an attempt may take, in place of what the job says.
    #[serde(default)]
    pub timeout: Option<Millis>,
}

/// How the steps that a step needs must have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// All have succeeded.
    #[default]
    Succeeded,
    /// None has failed; some may be skipped.
    NoneFailed,
    /// At least one has failed.
    Failed,
    /// However they ended.
    Always,
}

/// A child process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Exec")]
pub struct ExecDecl {
    /// The program and its arguments. No shell looks at them.
    pub command: Vec<String>,
    /// The folder that it begins in, from the project's folder on.
    #[serde(default)]
    pub cwd: Option<String>,
    /// Its environment, beside `PATH`, `HOME`, `LANG`, `LC_ALL`, `TZ`, `TMPDIR` and what the host tells it. Values may be
    /// references: `${secret:TOKEN}`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The assets that it makes, as a script in Dagster's way is told.
    #[serde(default)]
    pub assets: Vec<String>,
    /// What it says on its standard output and error, each, that goes into the log.
    #[serde(default = "a_log")]
    pub output: ByteSize,
    /// How long it is given to end by itself when it is told to stop (`TERM`), before it is killed.
    #[serde(default = "ten_seconds")]
    pub grace: Millis,
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HttpStep")]
pub struct HttpStepDecl {
    /// Scheme, host, maybe port, and path: `https://api.example.com/v1/`. It holds no values of steps.
    pub url: String,
    /// What comes behind the URL: `orders/{{ item }}`.
    #[serde(default)]
    pub path: Option<String>,
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// Headers of the request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Query parameters.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// User and password of basic authentication.
    #[serde(default)]
    pub basic: Option<Basic>,
    /// What is sent: a text as it is, all else as JSON.
    #[serde(default)]
    pub body: Option<Value>,
    /// The statuses that are well; without it all from 200 to 299.
    #[serde(default)]
    pub expect: Vec<u16>,
    /// Whether the host may resolve to a private or loopback address.
    #[serde(default)]
    pub private: bool,
    /// What the request may use.
    #[serde(default)]
    pub limits: HttpLimits,
}

impl HttpStepDecl {
    /// The request as a grant: nothing but the URL and what lies below it may be asked.
    pub fn grant(&self) -> HttpGrant {
        HttpGrant {
            url: self.url.clone(),
            methods: vec![self.method.clone()],
            headers: self.headers.clone(),
            query: self.query.clone(),
            basic: self.basic.clone(),
            private: self.private,
            limits: self.limits,
        }
    }
}

/// A query over assets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SqlStep")]
pub struct SqlStepDecl {
    /// A SELECT; a table is an asset: `SELECT count(*) AS n FROM {orders}`. Values of steps become literals.
    pub query: String,
    /// What it may hold in memory.
    #[serde(default = "query_memory")]
    pub memory: ByteSize,
}

/// Assets that a step materializes, in the run of the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Materialize")]
pub struct MaterializeDecl {
    /// The assets, by name or as the selection syntax has it.
    pub select: OneOrMany,
    /// The slice, `latest`, or `none` for every one that there is.
    #[serde(default)]
    pub partition: Option<String>,
}

fn get() -> String {
    "GET".into()
}

fn enough_items() -> u32 {
    100
}

fn a_log() -> ByteSize {
    ByteSize(4 << 20)
}

fn query_memory() -> ByteSize {
    ByteSize(256 << 20)
}

fn ten_seconds() -> Millis {
    Millis(10_000)
}
