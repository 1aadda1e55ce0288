//! A plugin as a check.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use async_trait::async_trait;
use tidegate_core::Error;
use tidegate_core::plan::CheckSpec;
use tidegate_core::port::{Check, LogSink, Severity, Verdict};
use wasmtime::component::ResourceAny;

use crate::bind::{granted, shown};
use crate::catalog::Catalog;
use crate::error::Fault;
use crate::instance::{Instance, InstanceGrant, Opening, config_text, open};
use crate::limits::{MAX_CODE_BYTES, MAX_MESSAGE_BYTES, cut};
use crate::log::printable;
use crate::runtime::Runtime;
use crate::transform::checked_snapshot;
use crate::v0_1::{self, CheckPlugin, check as wit};

/// Measures of one verdict: more than a page of plots.
const MAX_MEASURES: usize = 100;

/// What a check is bound with.
pub struct CheckBinding<'a> {
    /// The engine.
    pub runtime: &'a Runtime,
    /// Where its component is.
    pub catalog: &'a Catalog,
    /// The check, its config and grants with secrets filled in.
    pub check: &'a CheckSpec,
    /// The columns that are loaded.
    pub loaded: &'a Schema,
    /// Where its lines go.
    pub log: Arc<dyn LogSink>,
    /// Values in its config or grants that must not be shown.
    pub secrets: Arc<[String]>,
}

/// A bound check. After an error the instance is in no state to be called again.
pub struct PluginCheck {
    label: String,
    granted: Vec<usize>,
    instance: Instance<CheckPlugin>,
    checker: ResourceAny,
}

/// Binds a check to the columns that are loaded. No data flows. Errors name plugin, version, digest and place.
pub async fn bind_check(binding: CheckBinding<'_>) -> Result<PluginCheck, Error> {
    let check = binding.check;
    let plugin = binding.catalog.by_digest(&check.plugin, &check.digest)?;
    let opening = Opening {
        runtime: binding.runtime,
        plugin: &plugin,
        place: format!("check {}", check.index),
        grant: &InstanceGrant::of_step(&check.grant),
        log: binding.log.clone(),
        secrets: &binding.secrets,
    };
    open_check(opening, &check.config, &check.grant.reads, binding.loaded).await
}

/// Binds a check that was found already to the columns of a load that it reads.
pub(crate) async fn open_check(
    opening: Opening<'_>,
    config: &serde_json::Value,
    reads: &[String],
    loaded: &Schema,
) -> Result<PluginCheck, Error> {
    let granted = granted(reads, loaded)?;
    let mut instance = open::<CheckPlugin>(opening).await?;
    let name = instance.name.clone();
    let shown = shown(loaded, &granted)?;
    let at = |fault: Fault| fault.at(&name, "bind", None);
    let input = v0_1::lower_schema(&shown).map_err(|why| at(Fault::Schema(why)))?;
    let config = config_text(config);
    let checker = instance
        .call(async |store, plugin| {
            plugin
                .tidegate_plugin_check()
                .checker()
                .call_bind(store, &config, &input)
                .await
        })
        .await
        .map_err(at)?;
    Ok(PluginCheck {
        label: name.label(),
        granted,
        instance,
        checker,
    })
}

impl PluginCheck {
    async fn look(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        let shown = batch
            .project(&self.granted)
            .map_err(|error| Fault::Host(error.to_string()))?;
        let checker = self.checker;
        self.instance
            .call_with_batch(shown, async |store, plugin, batch| {
                plugin
                    .tidegate_plugin_check()
                    .checker()
                    .call_observe(store, checker, batch)
                    .await
            })
            .await
    }

    async fn save(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let checker = self.checker;
        let state = self
            .instance
            .call(async |store, plugin| {
                plugin
                    .tidegate_plugin_check()
                    .checker()
                    .call_snapshot(store, checker)
                    .await
            })
            .await?;
        checked_snapshot(state)
    }

    async fn load(&mut self, state: &[u8]) -> Result<(), Fault> {
        let checker = self.checker;
        self.instance
            .call(async |store, plugin| {
                plugin
                    .tidegate_plugin_check()
                    .checker()
                    .call_restore(store, checker, state)
                    .await
            })
            .await
    }

    async fn judge(&mut self) -> Result<Verdict, Fault> {
        let checker = self.checker;
        let verdict = self
            .instance
            .call(async |store, plugin| {
                plugin
                    .tidegate_plugin_check()
                    .checker()
                    .call_verdict(store, checker)
                    .await
            })
            .await?;
        self.lift(verdict)
    }

    fn lift(&self, verdict: wit::Verdict) -> Result<Verdict, Fault> {
        if verdict.measures.len() > MAX_MEASURES {
            return Err(Fault::Contract(format!(
                "its verdict has {} measures; {MAX_MEASURES} are allowed",
                verdict.measures.len()
            )));
        }
        for (name, value) in &verdict.measures {
            if name.is_empty() || name.len() > MAX_CODE_BYTES || name.chars().any(char::is_control) {
                let shown = cut(name.escape_debug().to_string(), MAX_CODE_BYTES);
                return Err(Fault::Contract(format!("`{shown}` names no measure")));
            }
            if !value.is_finite() {
                return Err(Fault::Contract(format!("its measure `{name}` is {value}")));
            }
        }
        let message = self.instance.store.data().redact(verdict.message);
        Ok(Verdict {
            check: self.label.clone(),
            passed: verdict.passed,
            severity: match verdict.severity {
                wit::Severity::Warn => Severity::Warn,
                wit::Severity::Error => Severity::Error,
            },
            blocking: true,
            message: printable(&cut(message, MAX_MESSAGE_BYTES)),
            measures: verdict.measures,
        })
    }

    fn at(&self, fault: &Fault, call: &str, batch: Option<u64>) -> Error {
        fault.at(&self.instance.name, call, batch)
    }
}

#[async_trait]
impl Check for PluginCheck {
    async fn observe(&mut self, batch: &RecordBatch, sequence: u64) -> Result<(), Error> {
        let seen = self.look(batch).await;
        seen.map_err(|fault| self.at(&fault, "observe", Some(sequence)))
    }

    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let state = self.save().await;
        state.map_err(|fault| self.at(&fault, "snapshot", None))
    }

    async fn restore(&mut self, state: &[u8]) -> Result<(), Error> {
        let done = self.load(state).await;
        done.map_err(|fault| self.at(&fault, "restore", None))
    }

    async fn verdict(&mut self) -> Result<Verdict, Error> {
        let verdict = self.judge().await;
        verdict.map_err(|fault| self.at(&fault, "verdict", None))
    }
}
