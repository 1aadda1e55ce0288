//! An asset, resolved and bound: what `check` proves, `plan` shows and a run carries out.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use serde::Serialize;
use serde_json::Value;
use tidegate_core::plan::{
    AssetName, CheckpointPolicy, DestinationSpec, GrantSpec, Partitioning, SliceRule, SourceSpec, StepSpec,
};
use tidegate_core::port::Transform as _;
use tidegate_core::schema::{
    Asset, Column, Contract, Placed, Reads, ReferenceKind, TransformDecl, closest, fill,
};
use tidegate_core::types::LogicalType;
use tidegate_core::{Error, Errors};
use tidegate_flow::{Conform, FlowError};
use tidegate_plugin::{Binding, Lineage, LogLine, LogSink, PluginTransform, Requirement, bind};

use super::Project;
use super::connect::placed;

/// What the plugins of an asset say while they are only bound is of no use to anybody.
struct Unheard;

impl LogSink for Unheard {
    fn line(&self, _: LogLine) {}
}

/// The tag of columns that `reads: "*"` does not open.
const PII: &str = "pii";

/// An asset with everything that a task of it needs, its types checked from source to destination.
#[derive(Debug, Clone)]
pub struct AssetPlan {
    /// Its name.
    pub name: AssetName,
    /// The asset that it is made from.
    pub upstream: Option<AssetName>,
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
    /// What is loaded.
    pub loaded: SchemaRef,
    /// When to checkpoint.
    pub checkpoint: CheckpointPolicy,
    /// Rows a batch at most.
    pub batch_rows: usize,
}

/// A step with what its plugin says of itself.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedStep {
    /// The step.
    pub spec: StepSpec,
    /// Where each column behind it comes from.
    pub lineage: Lineage,
    /// The names of secrets that are handed into the sandbox.
    pub secrets: Vec<String>,
}

impl Project {
    /// Resolves and binds assets, all of them and all of each: every error is found. No data flows.
    pub async fn prepare(&self, names: &[AssetName]) -> Result<Vec<AssetPlan>, Errors> {
        let mut plans = Vec::new();
        let mut errors = Vec::new();
        for name in names {
            let Some(asset) = self.loaded.assets.get(name) else {
                continue;
            };
            match self.prepare_asset(asset).await {
                Ok(plan) => plans.push(plan),
                Err(more) => errors.extend(more),
            }
        }
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
        slice_column(asset, slice, &source.columns)?;
        if decl.contract == Contract::Discard {
            source.columns.retain(|column| needed(decl, &column.name));
        }
        let mut stream = Column::schema(&source.columns);
        let mut steps = Vec::new();
        for (index, transform) in decl.transforms.iter().enumerate() {
            let (step, schema) = self.prepare_step(asset, index, transform, &stream).await?;
            steps.push(step);
            stream = schema;
        }
        let conform = Conform::new(&stream, &decl.columns, decl.contract).map_err(|errors| {
            errors
                .into_iter()
                .map(|error| contract_error(asset, error))
                .collect::<Vec<_>>()
        })?;
        let project = &self.loaded.project.value;
        let checkpoint = decl.checkpoint.unwrap_or(project.checkpoint);
        Ok(AssetPlan {
            name: decl.name.clone(),
            upstream: decl.source.asset.clone(),
            partitioning: decl
                .partitions
                .as_ref()
                .and_then(|partitions| partitions.partitioning().ok()),
            source,
            slice,
            steps,
            destination,
            columns: decl.columns.clone(),
            contract: decl.contract,
            loaded: conform.schema(),
            checkpoint: CheckpointPolicy {
                every_rows: checkpoint.every_rows,
            },
            batch_rows: project.batch_rows,
        })
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
        let reads = reads(asset, &pointer, transform, stream)?;
        let wanted: Requirement = transform
            .plugin
            .parse()
            .map_err(|error: tidegate_plugin::PluginError| at("/plugin", error.into()))?;
        let plugin = self
            .catalog
            .find(&wanted)
            .map_err(|error| at("/plugin", error.into()))?;
        let reference = |error: tidegate_core::schema::ReferenceError| {
            let error = Error::new(tidegate_core::Kind::Schema, "schema.reference", error.to_string()).hint(
                "set the variable (a secret X is the variable TIDEGATE_SECRET_X), or correct the reference",
            );
            at("/config", error)
        };
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
            },
            drops: transform.drops.clone(),
            on_reject: transform.on_reject,
        };
        let bound = self
            .bind_step(&spec, stream, Arc::new(Unheard))
            .await
            .map_err(|error| at(if error.place.is_some() { "" } else { "/plugin" }, error))?;
        let step = PlannedStep {
            lineage: bound.lineage().clone(),
            secrets: secret_names(&spec.config),
            spec,
        };
        Ok((step, bound.output_schema()))
    }

    /// Binds a step, its secrets filled in.
    pub(crate) async fn bind_step(
        &self,
        spec: &StepSpec,
        stream: &SchemaRef,
        log: Arc<dyn LogSink>,
    ) -> Result<PluginTransform, Error> {
        let (config, secrets) =
            fill(&spec.config, ReferenceKind::Secret, &*self.lookup).map_err(|error| {
                Error::new(tidegate_core::Kind::Schema, "schema.reference", error.to_string())
                    .hint("set it: a secret X is the variable TIDEGATE_SECRET_X")
            })?;
        let filled = StepSpec {
            config,
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

/// Checks the column that decides a row's slice, where one does.
fn slice_column(asset: &Placed<Asset>, slice: SliceRule, columns: &[Column]) -> Result<(), Vec<Error>> {
    let Some(partitions) = &asset.value.partitions else {
        return Ok(());
    };
    let (cadence, window) = partitions.parts();
    let (Some(name), true) = (&window.column, slice != SliceRule::Trusted) else {
        return Ok(());
    };
    let why = match columns.iter().find(|column| column.name == *name) {
        None => "is not among the source's columns".to_owned(),
        Some(column) => match column.data_type {
            LogicalType::Date32 | LogicalType::Timestamp(..) => return Ok(()),
            ref other => format!("has the type {other}, and must hold times or dates"),
        },
    };
    let error: Error = FlowError::Slice {
        column: name.clone(),
        why,
    }
    .into();
    Err(vec![placed(
        asset,
        &format!("/partitions/{cadence}/column"),
        error,
    )])
}

/// Whether a source's column has a use, where the contract leaves out those that have none.
fn needed(asset: &Asset, name: &str) -> bool {
    let loaded = asset.columns.iter().any(|column| column.name == name);
    let shown = asset.transforms.iter().any(|step| match &step.reads {
        Reads::All => true,
        Reads::Columns(reads) => reads.iter().chain(&step.drops).any(|used| used == name),
    });
    let slices = asset
        .partitions
        .as_ref()
        .and_then(|partitions| partitions.partitioning().ok());
    loaded
        || shown
        || slices
            .and_then(|slices| slices.column)
            .is_some_and(|column| column == name)
}

/// The columns that a step is shown, in order.
fn reads(
    asset: &Placed<Asset>,
    pointer: &str,
    transform: &TransformDecl,
    stream: &SchemaRef,
) -> Result<Vec<String>, Vec<Error>> {
    let names: Vec<&str> = stream
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let wanted = match &transform.reads {
        Reads::All => {
            let secret = |name: &str| {
                let declared = asset
                    .value
                    .source
                    .columns
                    .iter()
                    .flatten()
                    .chain(&asset.value.columns);
                declared
                    .filter(|column| column.name == name)
                    .any(|column| column.tags.iter().any(|tag| tag == PII))
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
                    format!("no column `{name}` reaches this transform"),
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
fn secret_names(config: &Value) -> Vec<String> {
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
