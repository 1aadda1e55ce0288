//! Opens an instance of a plugin in a sandbox of its own: the one way there for every role.

use std::sync::Arc;

use arrow_array::RecordBatch;
use serde::{Deserialize, Serialize};
use tidegate_core::Error;
use tidegate_core::plan::GrantSpec;
use tidegate_core::port::LogSink;
use tidegate_core::schema::HttpGrant;
use wasmtime::Store;
use wasmtime::component::Resource;

use crate::bind::said;
use crate::catalog::Plugin;
use crate::error::{Fault, PluginError, PluginName};
use crate::http::{Gate, secret_forms};
use crate::runtime::Runtime;
use crate::sandbox::{Sandbox, SandboxConfig, call, store};
use crate::secrets::Secrets;
use crate::v0_1::{HostBatch, Role, types};

/// What one instance may use, whatever its role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceGrant {
    /// Linear memory.
    pub memory_bytes: u64,
    /// Wall time of one call.
    pub time_per_call_ms: u64,
    /// What one call may return.
    pub output_bytes: u64,
    /// The HTTP requests that it may make, secrets filled in.
    pub http: Vec<HttpGrant>,
}

impl InstanceGrant {
    /// What a step or check may use.
    pub fn of_step(grant: &GrantSpec) -> Self {
        Self {
            memory_bytes: grant.memory_bytes,
            time_per_call_ms: grant.time_per_batch_ms,
            output_bytes: grant.output_bytes,
            http: grant.http.clone(),
        }
    }
}

/// What an instance is opened with.
#[derive(Clone)]
pub struct Opening<'a> {
    /// The engine.
    pub runtime: &'a Runtime,
    /// The component.
    pub plugin: &'a Plugin,
    /// What errors call its place, such as `step 3`, `source` or `check 0`.
    pub place: String,
    /// What it may use.
    pub grant: &'a InstanceGrant,
    /// Where its lines go.
    pub log: Arc<dyn LogSink>,
    /// Values in its config or grant that must not be shown.
    pub secrets: &'a [String],
}

impl Opening<'_> {
    /// What errors of the instance call it.
    pub(crate) fn name(&self) -> PluginName {
        PluginName {
            place: self.place.clone(),
            plugin: self.plugin.manifest.name.clone(),
            version: self.plugin.manifest.version.to_string(),
            digest: self.plugin.digest.short().to_owned(),
            secrets: Secrets::new(&secret_forms(self.secrets, &self.grant.http)),
        }
    }
}

/// A guest in its store. After a trap or a breach it is in no state to be called again.
pub(crate) struct Instance<P> {
    pub(crate) name: PluginName,
    pub(crate) store: Store<Sandbox>,
    pub(crate) exports: P,
}

/// Opens an instance with the exports of a role. An error where the plugin does not have the role.
pub(crate) async fn open<P: Role>(opening: Opening<'_>) -> Result<Instance<P>, Error> {
    let plugin = opening.plugin;
    require_role(plugin, P::NAME)?;
    let name = opening.name();
    let pre = P::pre(opening.runtime.prepare(plugin)?).map_err(|error| PluginError::Link {
        file: plugin.file.display().to_string(),
        why: format!("{error:#}"),
    })?;
    let http = Gate::new(
        opening.runtime.http(),
        &opening.grant.http,
        &name.label(),
        opening.log.clone(),
        name.secrets.clone(),
    )?;
    let config = SandboxConfig {
        step: name.label(),
        memory_bytes: opening.grant.memory_bytes,
        time_per_call_ms: opening.grant.time_per_call_ms,
        output_bytes: opening.grant.output_bytes,
        log: opening.log,
        secrets: name.secrets.clone(),
        http,
        surroundings: opening.runtime.surroundings(),
    };
    let mut store = store(opening.runtime.engine(), config);
    let exports = call(&mut store, async |store| P::instantiate(&pre, store).await)
        .await
        .map_err(|fault| fault.at(&name, "instantiate", None))?;
    Ok(Instance { name, store, exports })
}

/// Fails where a plugin's manifest does not name a role.
pub(crate) fn require_role(plugin: &Plugin, role: &'static str) -> Result<(), PluginError> {
    if plugin.manifest.roles.iter().any(|has| has == role) {
        return Ok(());
    }
    Err(PluginError::Role {
        plugin: format!("{}@{}", plugin.manifest.name, plugin.manifest.version),
        role,
        roles: plugin.manifest.roles.join(", "),
    })
}

/// A config as a guest takes it: what is not written is an empty object.
pub(crate) fn config_text(config: &serde_json::Value) -> String {
    if config.is_null() {
        "{}".to_owned()
    } else {
        config.to_string()
    }
}

impl<P> Instance<P> {
    /// One call into the guest under its limits. What it says went wrong is a fault like those of the sandbox.
    pub(crate) async fn call<R>(
        &mut self,
        function: impl AsyncFnOnce(&mut Store<Sandbox>, &P) -> wasmtime::Result<Result<R, types::Fault>>,
    ) -> Result<R, Fault> {
        let exports = &self.exports;
        let answer = call(&mut self.store, async |store| function(store, exports).await).await?;
        answer.map_err(|fault| said(self.store.data(), fault))
    }
    /// The same, with a batch that the guest may look at while the call lasts.
    pub(crate) async fn call_with_batch<R>(
        &mut self,
        batch: RecordBatch,
        function: impl AsyncFnOnce(
            &mut Store<Sandbox>,
            &P,
            Resource<HostBatch>,
        ) -> wasmtime::Result<Result<R, types::Fault>>,
    ) -> Result<R, Fault> {
        let host = |error: wasmtime::component::ResourceTableError| Fault::Host(error.to_string());
        let held = self.store.data_mut().table.push(HostBatch(batch)).map_err(host)?;
        let borrowed = Resource::new_borrow(held.rep());
        let answer = self
            .call(async |store, exports| function(store, exports, borrowed).await)
            .await;
        self.store.data_mut().table.delete(held).map_err(host)?;
        answer
    }
}
