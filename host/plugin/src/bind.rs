//! From a step of a schema to a bound plugin.

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use tidegate_core::plan::StepSpec;
use tidegate_core::schema::closest;
use tidegate_core::{Error, Kind};
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use crate::catalog::Catalog;
use crate::error::{Fault, StepName};
use crate::limits::{MAX_MESSAGE_BYTES, cut};
use crate::log::{LogSink, printable};
use crate::runtime::Runtime;
use crate::sandbox::{Sandbox, SandboxConfig, call, store};
use crate::secrets::Secrets;
use crate::shape::BoundShape;
use crate::transform::PluginTransform;
use crate::v0_1::{self, TransformPlugin, TransformPluginPre, types};

/// What a step is bound with.
pub struct Binding<'a> {
    /// The engine.
    pub runtime: &'a Runtime,
    /// Where its component is.
    pub catalog: &'a Catalog,
    /// The step, its config with secrets filled in.
    pub step: &'a StepSpec,
    /// What comes out of the step before it.
    pub input: &'a Schema,
    /// Where its lines go.
    pub log: Arc<dyn LogSink>,
    /// Values in its config that must not be shown.
    pub secrets: Arc<[String]>,
}

/// A guest that was bound: its store, its exports, its transformer.
pub(crate) struct Bound {
    pub(crate) store: Store<Sandbox>,
    pub(crate) plugin: TransformPlugin,
    pub(crate) transformer: ResourceAny,
}

/// Binds a step to its input: instantiates the component, calls `bind` and `shape`, and lays the shape over the stream.
/// No data flows. Errors name plugin, version, digest and step.
pub async fn bind(binding: Binding<'_>) -> Result<PluginTransform, Error> {
    let step = binding.step;
    let plugin = binding.catalog.by_digest(&step.plugin, &step.digest)?;
    let secrets = Secrets::new(&binding.secrets);
    let name = StepName {
        index: step.index,
        plugin: step.plugin.clone(),
        version: step.version.clone(),
        digest: step.digest.short().to_owned(),
        secrets: secrets.clone(),
    };
    let granted = granted(step, binding.input)?;
    let pre = binding.runtime.prepare(&plugin)?;
    let pre = TransformPluginPre::new(pre).map_err(|error| crate::error::PluginError::Link {
        file: plugin.file.display().to_string(),
        why: format!("{error:#}"),
    })?;
    let config = SandboxConfig {
        step: format!("{}@{}", step.plugin, step.version),
        memory_bytes: step.grant.memory_bytes,
        time_per_call_ms: step.grant.time_per_batch_ms,
        output_bytes: step.grant.output_bytes,
        log: binding.log.clone(),
        secrets,
    };
    let store = store(binding.runtime.engine(), config);
    let shown: SchemaRef = Arc::new(binding.input.project(&granted).map_err(|error| {
        Error::new(
            Kind::Internal,
            "plugin.host",
            format!("the granted columns are not in the stream: {error}"),
        )
    })?);
    let bound = guest(&pre, store, step, &shown)
        .await
        .map_err(|fault| fault.at_step(&name, "bind", None))?;
    let (bound, guest_shape) = guest_shape(bound, granted.len())
        .await
        .map_err(|fault| fault.at_step(&name, "shape", None))?;
    let shape = BoundShape::new(guest_shape, binding.input, granted, &step.grant, &step.drops)
        .map_err(|fault| fault.at_step(&name, "shape", None))?;
    Ok(PluginTransform::new(name, shape, shown, bound))
}

/// The places of the granted columns in the stream, or which of them are not there.
fn granted(step: &StepSpec, input: &Schema) -> Result<Vec<usize>, Error> {
    step.grant
        .reads
        .iter()
        .map(|name| {
            input.index_of(name).map_err(|_| {
                let known: Vec<&str> = input.fields().iter().map(|field| field.name().as_str()).collect();
                let hint = match closest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the stream has {}", known.join(", ")),
                };
                let message = format!("the stream that reaches the step has no column `{name}`");
                Error::new(Kind::Schema, "schema.unknown_column", message).hint(hint)
            })
        })
        .collect()
}

async fn guest(
    pre: &TransformPluginPre<Sandbox>,
    mut store: Store<Sandbox>,
    step: &StepSpec,
    shown: &Schema,
) -> Result<Bound, Fault> {
    let input = v0_1::lower_schema(shown).map_err(Fault::Schema)?;
    // A step without `config:` has null there; a guest gets an empty object either way.
    let config = if step.config.is_null() {
        "{}".to_owned()
    } else {
        step.config.to_string()
    };
    let plugin = call(&mut store, async |store| pre.instantiate_async(store).await).await?;
    let answer = call(&mut store, async |store| {
        plugin
            .tidegate_plugin_transform()
            .transformer()
            .call_bind(store, &config, &input)
            .await
    })
    .await?;
    match answer {
        Ok(transformer) => Ok(Bound {
            store,
            plugin,
            transformer,
        }),
        Err(fault) => Err(said(store.data(), fault)),
    }
}

async fn guest_shape(mut bound: Bound, granted: usize) -> Result<(Bound, crate::shape::GuestShape), Fault> {
    let Bound {
        store,
        plugin,
        transformer,
    } = &mut bound;
    let shape = call(store, async |store| {
        plugin
            .tidegate_plugin_transform()
            .transformer()
            .call_shape(store, *transformer)
            .await
    })
    .await?;
    let shape = v0_1::lift_shape(&shape, granted).map_err(Fault::Contract)?;
    Ok((bound, shape))
}

/// What a guest said went wrong, fit to be shown.
pub(crate) fn said(sandbox: &Sandbox, fault: types::Fault) -> Fault {
    let text = |text: String| printable(&cut(sandbox.redact(text), MAX_MESSAGE_BYTES));
    match fault {
        types::Fault::InvalidConfig(fault) => Fault::Config {
            pointer: pointer(text(fault.pointer)),
            message: text(fault.message),
        },
        types::Fault::InvalidSchema(message) => Fault::Schema(text(message)),
        types::Fault::InvalidData(message) => Fault::Data(text(message)),
        types::Fault::Retryable(retry) => Fault::Retryable(text(retry.message)),
        types::Fault::Fatal(message) => Fault::Fatal(text(message)),
    }
}

/// What a guest gave as a JSON pointer, or the whole config's where it is none.
fn pointer(text: String) -> String {
    if text.starts_with('/') {
        text
    } else {
        String::new()
    }
}
