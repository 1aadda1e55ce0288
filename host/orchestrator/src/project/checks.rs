//! The checks of an asset, bound to the columns that are loaded.

use std::sync::Arc;

use arrow_schema::Schema;
use chrono::{DateTime, Utc};
use tidegate_core::Error;
use tidegate_core::plan::{CheckKind, CheckSpec, CheckStep, GrantSpec, StreamCheck};
use tidegate_core::port::{Check, LogSink, Unheard};
use tidegate_core::schema::{Asset, CheckDecl, OneOrMany, Placed, ReferenceKind, fill};
use tidegate_flow::{Declared, KeyStore, StreamBinding, bind_stream_check};
use tidegate_plugin::{CheckBinding, PluginCheck, PluginError, Requirement, bind_check};

use super::Project;
use super::connect::placed;
use super::prepare::reads;

/// What the checks of an attempt are bound with.
pub(crate) struct Surroundings<'a> {
    /// The columns that are loaded.
    pub(crate) loaded: &'a Schema,
    /// Where the words of plugins go.
    pub(crate) log: Arc<dyn LogSink>,
    /// What age is told from.
    pub(crate) now: DateTime<Utc>,
    /// The row counts of the asset's last loads, newest first.
    pub(crate) history: &'a [u64],
    /// Where checks keep what is too much for a checkpoint.
    pub(crate) keys: Option<KeyStore>,
}

impl Project {
    /// Finds and binds every check of an asset; every error is found. No data flows.
    pub(crate) async fn prepare_checks(
        &self,
        asset: &Placed<Asset>,
        loaded: &Schema,
    ) -> Result<Vec<CheckStep>, Vec<Error>> {
        let mut checks = Vec::new();
        let mut errors = Vec::new();
        for (index, decl) in asset.value.checks.iter().enumerate() {
            match self.prepare_check(asset, index, decl, loaded).await {
                Ok(check) => checks.push(check),
                Err(more) => errors.extend(more),
            }
        }
        if errors.is_empty() {
            Ok(checks)
        } else {
            Err(errors)
        }
    }

    async fn prepare_check(
        &self,
        asset: &Placed<Asset>,
        index: usize,
        decl: &CheckDecl,
        loaded: &Schema,
    ) -> Result<CheckStep, Vec<Error>> {
        let kind = if decl.plugin.is_some() {
            CheckKind::Plugin(self.prepare_plugin_check(asset, index, decl, loaded).await?)
        } else if let Some(check) = stream_check(decl) {
            let binding = StreamBinding {
                check: &check,
                loaded,
                now: DateTime::UNIX_EPOCH,
                history: &[],
                keys: None,
            };
            let key = decl.kinds().first().copied().unwrap_or_default();
            bind_stream_check(binding)
                .map_err(|error| vec![placed(asset, &format!("/checks/{index}/{key}"), error.into())])?;
            CheckKind::Stream(check)
        } else {
            CheckKind::Loaded(self.prepare_loaded_check(asset, index, decl, loaded).await?)
        };
        let unnamed_plugin = decl.plugin.is_some() && decl.name.is_none();
        Ok(CheckStep {
            index,
            name: (!unnamed_plugin).then(|| decl.title()),
            severity: decl.severity,
            blocking: decl.blocks(),
            kind,
        })
    }

    async fn prepare_plugin_check(
        &self,
        asset: &Placed<Asset>,
        index: usize,
        decl: &CheckDecl,
        loaded: &Schema,
    ) -> Result<CheckSpec, Vec<Error>> {
        let pointer = format!("/checks/{index}");
        let at = |below: &str, error: Error| vec![placed(asset, &format!("{pointer}{below}"), error)];
        let reads = reads(asset, &pointer, decl.reads(), loaded)?;
        let plugin = decl
            .plugin
            .as_deref()
            .unwrap_or_default()
            .parse()
            .and_then(|wanted: Requirement| self.catalog.find(&wanted))
            .map_err(|error: PluginError| at("/plugin", error.into()))?;
        let (config, _) = fill(&decl.config, ReferenceKind::Env, &*self.lookup)
            .map_err(|error| at("/config", error.into()))?;
        let limits = decl.limits();
        let spec = CheckSpec {
            index,
            plugin: plugin.manifest.name.clone(),
            version: plugin.manifest.version.to_string(),
            digest: plugin.digest.clone(),
            config,
            grant: GrantSpec {
                reads,
                writes: Vec::new(),
                memory_bytes: limits.memory.0,
                time_per_batch_ms: limits.time_per_batch.0,
                output_bytes: limits.output.0,
                http: self.http_grants(&decl.http).map_err(|error| at("/http", error))?,
            },
        };
        self.bind_check(&spec, loaded, Arc::new(Unheard))
            .await
            .map_err(|error| at(if error.place.is_some() { "" } else { "/plugin" }, error))?;
        Ok(spec)
    }

    /// Binds a plugin, its secrets filled in.
    async fn bind_check(
        &self,
        spec: &CheckSpec,
        loaded: &Schema,
        log: Arc<dyn LogSink>,
    ) -> Result<PluginCheck, Error> {
        let (config, grant, secrets) = self.with_plugin_secrets(&spec.config, &spec.grant)?;
        let filled = CheckSpec {
            config,
            grant,
            ..spec.clone()
        };
        bind_check(CheckBinding {
            runtime: &self.runtime,
            catalog: &self.catalog,
            check: &filled,
            loaded,
            log,
            secrets: secrets.into(),
        })
        .await
    }

    /// Binds the checks that look at rows on their way, in order.
    pub(crate) async fn bind_checks(
        &self,
        steps: &[CheckStep],
        around: &Surroundings<'_>,
    ) -> Result<Vec<Box<dyn Check>>, Error> {
        let mut bound: Vec<Box<dyn Check>> = Vec::new();
        for step in steps {
            let check: Box<dyn Check> = match &step.kind {
                CheckKind::Plugin(spec) => {
                    Box::new(self.bind_check(spec, around.loaded, around.log.clone()).await?)
                }
                CheckKind::Stream(check) => bind_stream_check(StreamBinding {
                    check,
                    loaded: around.loaded,
                    now: around.now,
                    history: around.history,
                    keys: around.keys.clone().map(|keys| KeyStore {
                        prefix: format!("{}{}", keys.prefix, step.index),
                        ..keys
                    }),
                })?,
                CheckKind::Loaded(_) => continue,
            };
            bound.push(Box::new(Declared::new(step.clone(), check)));
        }
        Ok(bound)
    }
}

/// The check that the host makes of the rows on their way, if it is one.
fn stream_check(decl: &CheckDecl) -> Option<StreamCheck> {
    let columns = |OneOrMany(columns): &OneOrMany| columns.clone();
    if let Some(decl) = &decl.not_null {
        return Some(StreamCheck::NotNull {
            columns: columns(decl),
        });
    }
    if let Some(unique) = &decl.unique {
        return Some(StreamCheck::Unique {
            columns: columns(unique),
            memory_bytes: decl.limits().memory.0,
        });
    }
    if let Some(decl) = &decl.accepted_values {
        return Some(StreamCheck::AcceptedValues {
            column: decl.column.clone(),
            values: decl.values.clone(),
        });
    }
    if let Some(decl) = &decl.range {
        return Some(StreamCheck::Range {
            column: decl.column.clone(),
            min: decl.min.clone(),
            max: decl.max.clone(),
        });
    }
    if let Some(decl) = &decl.regex {
        return Some(StreamCheck::Regex {
            column: decl.column.clone(),
            pattern: decl.pattern.clone(),
        });
    }
    if let Some(decl) = decl.row_count {
        return Some(StreamCheck::RowCount {
            min: decl.min,
            max: decl.max,
        });
    }
    if let Some(decl) = decl.row_count_anomaly {
        return Some(StreamCheck::RowCountAnomaly {
            history: decl.history,
            tolerance: decl.tolerance,
        });
    }
    decl.freshness.as_ref().map(|decl| StreamCheck::Freshness {
        column: decl.column.clone(),
        within_ms: decl.within.0,
    })
}
