//! An asset, resolved and bound: what `check` proves, `plan` shows and a run carries out.

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use serde::Serialize;
use serde_json::Value;
use tidegate_core::plan::{
    AssetName, CheckKind, CheckStep, CheckpointPolicy, DestinationSpec, Digest, GrantSpec, Partitioning,
    SliceRule, SourceSpec, Step, StepSpec,
};
use tidegate_core::port::{LogSink, Transform as _, Unheard};
use tidegate_core::schema::{
    Asset, Column, Contract, HttpGrant, Placed, Reads, ReferenceKind, TransformDecl, closest, fill,
    fill_grants,
};
use tidegate_core::{Error, Errors};
use tidegate_flow::{Conform, FlowError};
use tidegate_plugin::{
    Binding, Lineage, PinnedResource, PluginConnector, PluginTransform, Requirement, bind,
};

use super::Project;
use super::connect::placed;
use super::policy::WorkPolicy;
use super::run_config::{RunConfig, of_run};
use super::slice_columns::slice_columns;
use super::upstream::Above;

/// The tag of columns that `reads: "*"` does not open.
const PII: &str = "pii";

/// Whether a column says of itself that it is about a person.
pub(super) fn personal(column: &Column) -> bool {
    column.tags.iter().any(|tag| tag == PII)
}

/// An asset with everything that a task of it needs, its types checked from source to destination.
#[derive(Debug, Clone)]
pub struct AssetPlan {
    /// Its name.
    pub name: AssetName,
    /// The assets that rows are read from.
    pub upstream: Vec<AssetName>,
    /// The assets that come first without being read.
    pub deps: Vec<AssetName>,
    /// All that come before it, with how its slices follow from theirs.
    pub above: Vec<Above>,
    /// The asset whose rows it reads, if it is one.
    pub reads: Option<AssetName>,
    /// The assets that a query of its source reads where they lie; none where its source is no query over assets.
    pub queried: Vec<AssetName>,
    /// The version of its code.
    pub code_version: Digest,
    /// Its slices.
    pub partitioning: Option<Partitioning>,
    /// Where rows come from.
    pub source: SourceSpec,
    /// What is done about rows of other slices.
    pub slice: SliceRule,
    /// What is done to rows.
    pub steps: Vec<PlannedStep>,
    /// Where rows go.
    pub destination: DestinationSpec,
    /// The contract.
    pub columns: Vec<Column>,
    /// What happens to other columns.
    pub contract: Contract,
    /// What looks at what is loaded.
    pub checks: Vec<CheckStep>,
    /// What is loaded.
    pub loaded: SchemaRef,
    /// When to checkpoint.
    pub checkpoint: CheckpointPolicy,
    /// Rows a batch at most.
    pub batch_rows: usize,
    /// How attempts are made.
    pub policy: WorkPolicy,
}

impl AssetPlan {
    /// The plugins that take part, from source to destination: `name@version` and digest.
    pub fn plugins(&self) -> Vec<(String, Digest)> {
        let named =
            |plugin: &str, version: &str, digest: &Digest| (format!("{plugin}@{version}"), digest.clone());
        let steps = self.steps.iter().filter_map(|step| match &step.spec {
            Step::Plugin(spec) => Some(spec),
            Step::Sql(_) => None,
        });
        let resource = |pinned: PinnedResource| (pinned.shown(), pinned.digest);
        self.source_plugin()
            .into_iter()
            .map(resource)
            .chain(steps.map(|step| named(&step.plugin, &step.version, &step.digest)))
            .chain(self.checks.iter().filter_map(|check| match &check.kind {
                CheckKind::Plugin(spec) => Some(named(&spec.plugin, &spec.version, &spec.digest)),
                CheckKind::Stream(_) | CheckKind::Loaded(_) => None,
            }))
            .chain(self.destination_plugin().map(resource))
            .collect()
    }

    /// The plugin that the source is, if it is one.
    pub fn source_plugin(&self) -> Option<PinnedResource> {
        PluginConnector::pinned(&self.source.connector, &self.source.resource)
    }

    /// The plugin that the destination is, if it is one.
    pub fn destination_plugin(&self) -> Option<PinnedResource> {
        PluginConnector::pinned(&self.destination.connector, &self.destination.resource)
    }
}

/// A step with what its plugin says of itself.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedStep {
    /// The step.
    pub spec: Step,
    /// Where each column behind it comes from.
    pub lineage: Lineage,
    /// The names of secrets that are handed into the sandbox.
    pub secrets: Vec<String>,
}

impl Project {
    /// Resolves and binds assets, all of them and all of each: every error is found. No data flows.
    pub async fn prepare(&self, names: &[AssetName]) -> Result<Vec<AssetPlan>, Errors> {
        self.prepare_with(names, &RunConfig::default()).await
    }

    /// The same with the config of a run in place of the schema's.
    pub async fn prepare_with(
        &self,
        names: &[AssetName],
        config: &RunConfig,
    ) -> Result<Vec<AssetPlan>, Errors> {
        self.settle(names).await?;
        let mut plans = Vec::new();
        let mut errors = config.beside(names);
        for name in names {
            let Some(asset) = self.loaded.assets.get(name) else {
                continue;
            };
            let prepared = match config.put_over(asset) {
                Ok(None) => self.prepare_asset(asset).await,
                Ok(Some(other)) => self.prepare_asset(&other).await.map_err(|errors| {
                    let own = errors.into_iter().map(|error| of_run(name, error));
                    own.collect()
                }),
                Err(errors) => Err(errors),
            };
            match prepared {
                Ok(plan) => plans.push(plan),
                Err(more) => errors.extend(more),
            }
        }
        errors.extend(self.shared_places(&plans));
        // Two assets of one broken resource tell of it once.
        let mut told: Vec<Error> = Vec::new();
        for error in errors {
            if !told.contains(&error) {
                told.push(error);
            }
        }
        Errors::or(told, plans)
    }

    async fn prepare_asset(&self, asset: &Placed<Asset>) -> Result<AssetPlan, Vec<Error>> {
        let decl = &asset.value;
        let (source, destination) = match (self.source(asset), self.destination(asset)) {
            (Ok(source), Ok(destination)) => (source, destination),
            (source, destination) => {
                let mut errors = source.err().unwrap_or_default();
                errors.extend(destination.err().unwrap_or_default());
                return Err(errors);
            }
        };
        let (mut source, slice) = source;
        slice_columns(asset, slice, &source.columns)?;
        if decl.contract == Contract::Discard {
            source.columns.retain(|column| needed(decl, &column.name));
        }
        let mut stream = Column::schema(&source.columns);
        let mut steps = Vec::new();
        for (index, transform) in decl.transforms.iter().enumerate() {
            let (step, schema) = match &transform.sql {
                Some(sql) => self.prepare_sql(asset, index, sql, &stream).await?,
                None => self.prepare_step(asset, index, transform, &stream).await?,
            };
            steps.push(step);
            stream = schema;
        }
        let conform = Conform::new(&stream, &decl.columns, decl.contract).map_err(|errors| {
            errors
                .into_iter()
                .map(|error| contract_error(asset, error))
                .collect::<Vec<_>>()
        })?;
        let checks = self.prepare_checks(asset, &conform.schema()).await?;
        let project = &self.loaded.project.value;
        let checkpoint = decl.checkpoint.unwrap_or(project.checkpoint);
        Ok(AssetPlan {
            name: decl.name.clone(),
            upstream: decl.read(),
            deps: decl.deps.clone(),
            above: self.above(decl),
            reads: decl.source.asset.clone(),
            queried: match decl.source.sql {
                Some(_) => decl.source.assets(),
                None => Vec::new(),
            },
            code_version: self.code_version(decl),
            partitioning: self.slices_of(&decl.name),
            source,
            slice,
            steps,
            destination,
            columns: decl.columns.clone(),
            contract: decl.contract,
            checks,
            loaded: conform.schema(),
            checkpoint: CheckpointPolicy {
                every_rows: checkpoint.every_rows,
            },
            batch_rows: project.batch_rows,
            policy: WorkPolicy::of(decl, &self.loaded),
        })
    }

    /// Grants of HTTP with variables filled in and secrets not.
    pub(crate) fn http_grants(&self, grants: &[HttpGrant]) -> Result<Vec<HttpGrant>, Error> {
        let (grants, _) = fill_grants(grants, ReferenceKind::Env, &*self.lookup)?;
        Ok(grants)
    }

    /// Grants of HTTP with secrets filled in, and their values.
    pub(crate) fn with_grant_secrets(
        &self,
        grants: &[HttpGrant],
    ) -> Result<(Vec<HttpGrant>, Vec<String>), Error> {
        Ok(fill_grants(grants, ReferenceKind::Secret, &*self.lookup)?)
    }

    async fn prepare_step(
        &self,
        asset: &Placed<Asset>,
        index: usize,
        transform: &TransformDecl,
        stream: &SchemaRef,
    ) -> Result<(PlannedStep, SchemaRef), Vec<Error>> {
        let pointer = format!("/transforms/{index}");
        let at = |below: &str, error: Error| vec![placed(asset, &format!("{pointer}{below}"), error)];
        let reads = reads(asset, &pointer, transform.reads(), stream)?;
        let wanted: Requirement = transform
            .plugin
            .as_deref()
            .unwrap_or_default()
            .parse()
            .map_err(|error: tidegate_plugin::PluginError| at("/plugin", error.into()))?;
        let plugin = self
            .catalog
            .find(&wanted)
            .map_err(|error| at("/plugin", error.into()))?;
        let reference = |error: tidegate_core::schema::ReferenceError| at("/config", error.into());
        let (config, _) = fill(&transform.config, ReferenceKind::Env, &*self.lookup).map_err(reference)?;
        let spec = StepSpec {
            index,
            plugin: plugin.manifest.name.clone(),
            version: plugin.manifest.version.to_string(),
            digest: plugin.digest.clone(),
            config,
            grant: GrantSpec {
                reads,
                writes: transform.writes.clone(),
                memory_bytes: transform.limits.memory.0,
                time_per_batch_ms: transform.limits.time_per_batch.0,
                output_bytes: transform.limits.output.0,
                http: self
                    .http_grants(&transform.http)
                    .map_err(|error| at("/http", error))?,
            },
            drops: transform.drops.clone(),
            on_reject: transform.on_reject,
            instances: transform.instances,
        };
        let mut bound = self
            .bind_step(&spec, stream, Arc::new(Unheard))
            .await
            .map_err(|error| at(if error.place.is_some() { "" } else { "/plugin" }, error))?;
        if transform.instances > 1
            && bound
                .snapshot()
                .await
                .map_err(|error| at("/plugin", error))?
                .is_some()
        {
            return Err(at(
                "/instances",
                FlowError::Stateful(bound.name().to_owned()).into(),
            ));
        }
        let step = PlannedStep {
            lineage: bound.lineage().clone(),
            secrets: secret_names(&spec.config),
            spec: Step::Plugin(spec),
        };
        Ok((step, bound.output_schema()))
    }

    /// A plugin's config and grant with secrets filled in, and their values.
    pub(crate) fn with_plugin_secrets(
        &self,
        config: &Value,
        grant: &GrantSpec,
    ) -> Result<(Value, GrantSpec, Vec<String>), Error> {
        let (config, mut secrets) = fill(config, ReferenceKind::Secret, &*self.lookup)?;
        let (http, more) = fill_grants(&grant.http, ReferenceKind::Secret, &*self.lookup)?;
        secrets.extend(more);
        let grant = GrantSpec {
            http,
            ..grant.clone()
        };
        Ok((config, grant, secrets))
    }

    /// Binds a step, its secrets filled in.
    pub(crate) async fn bind_step(
        &self,
        spec: &StepSpec,
        stream: &SchemaRef,
        log: Arc<dyn LogSink>,
    ) -> Result<PluginTransform, Error> {
        let (config, grant, secrets) = self.with_plugin_secrets(&spec.config, &spec.grant)?;
        let filled = StepSpec {
            config,
            grant,
            ..spec.clone()
        };
        bind(Binding {
            runtime: &self.runtime,
            catalog: &self.catalog,
            step: &filled,
            input: stream,
            log,
            secrets: secrets.into(),
        })
        .await
    }
}

/// Whether a source's column has a use, where the contract leaves out those that have none.
fn needed(asset: &Asset, name: &str) -> bool {
    let loaded = asset.columns.iter().any(|column| column.name == name);
    let shown = asset.transforms.iter().any(|step| match step.reads() {
        Reads::All => true,
        Reads::Columns(reads) => reads.iter().chain(&step.drops).any(|used| used == name),
    });
    let slices = asset
        .partitions
        .as_ref()
        .and_then(|partitions| partitions.partitioning().ok().flatten());
    loaded || shown || slices.is_some_and(|slices| slices.columns().any(|column| column == name))
}

/// The columns that a step or check is shown, in order.
pub(crate) fn reads(
    asset: &Placed<Asset>,
    pointer: &str,
    declared: &Reads,
    stream: &Schema,
) -> Result<Vec<String>, Vec<Error>> {
    let names: Vec<&str> = stream
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let wanted = match declared {
        Reads::All => {
            let secret = |name: &str| {
                let declared = asset
                    .value
                    .source
                    .columns
                    .iter()
                    .flatten()
                    .chain(&asset.value.columns);
                declared.filter(|column| column.name == name).any(personal)
            };
            return Ok(names
                .into_iter()
                .filter(|name| !secret(name))
                .map(str::to_owned)
                .collect());
        }
        Reads::Columns(wanted) => wanted,
    };
    let mut errors = Vec::new();
    for (index, name) in wanted.iter().enumerate() {
        if names.contains(&name.as_str()) {
            continue;
        }
        let hint = match closest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there, the stream has {}", names.join(", ")),
        };
        errors.push(
            asset
                .document
                .error(
                    "schema.unknown_column",
                    &format!("{pointer}/reads/{index}"),
                    format!("no column `{name}` reaches this plugin"),
                )
                .hint(hint),
        );
    }
    if errors.is_empty() {
        Ok(wanted.clone())
    } else {
        Err(errors)
    }
}

fn contract_error(asset: &Placed<Asset>, error: FlowError) -> Error {
    let pointer = match &error {
        FlowError::Contract { column, .. } => asset
            .value
            .columns
            .iter()
            .position(|declared| declared.name == *column)
            .map(|index| format!("/columns/{index}/name")),
        _ => None,
    };
    match pointer {
        Some(pointer) => placed(asset, &pointer, error.into()),
        None => Error::from(error).at(asset.document.place("/columns", true)),
    }
}

/// The names in `${secret:NAME}` of a config.
pub fn secret_names(config: &Value) -> Vec<String> {
    match config {
        Value::String(text) => text
            .split("${secret:")
            .skip(1)
            .filter_map(|rest| rest.split_once('}').map(|(name, _)| name.to_owned()))
            .collect(),
        Value::Array(items) => items.iter().flat_map(secret_names).collect(),
        Value::Object(entries) => entries.values().flat_map(secret_names).collect(),
        _ => Vec::new(),
    }
}
