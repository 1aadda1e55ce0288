//! The checks of an asset, bound to the columns that are loaded.

use std::sync::Arc;

use arrow_schema::Schema;
use tidegate_core::Error;
use tidegate_core::plan::{CheckSpec, GrantSpec};
use tidegate_core::port::{LogSink, Unheard};
use tidegate_core::schema::{Asset, CheckDecl, Placed, ReferenceKind, fill};
use tidegate_plugin::{CheckBinding, PluginCheck, PluginError, Requirement, bind_check};

use super::Project;
use super::connect::placed;
use super::prepare::reads;

impl Project {
    /// Finds and binds every check of an asset; every error is found. No data flows.
    pub(crate) async fn prepare_checks(
        &self,
        asset: &Placed<Asset>,
        loaded: &Schema,
    ) -> Result<Vec<CheckSpec>, Vec<Error>> {
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
    ) -> Result<CheckSpec, Vec<Error>> {
        let pointer = format!("/checks/{index}");
        let at = |below: &str, error: Error| vec![placed(asset, &format!("{pointer}{below}"), error)];
        let reads = reads(asset, &pointer, &decl.reads, loaded)?;
        let plugin = decl
            .plugin
            .parse()
            .and_then(|wanted: Requirement| self.catalog.find(&wanted))
            .map_err(|error: PluginError| at("/plugin", error.into()))?;
        let (config, _) = fill(&decl.config, ReferenceKind::Env, &*self.lookup)
            .map_err(|error| at("/config", error.into()))?;
        let spec = CheckSpec {
            index,
            plugin: plugin.manifest.name.clone(),
            version: plugin.manifest.version.to_string(),
            digest: plugin.digest.clone(),
            config,
            grant: GrantSpec {
                reads,
                writes: Vec::new(),
                memory_bytes: decl.limits.memory.0,
                time_per_batch_ms: decl.limits.time_per_batch.0,
                output_bytes: decl.limits.output.0,
                http: self.http_grants(&decl.http).map_err(|error| at("/http", error))?,
            },
        };
        self.bind_check(&spec, loaded, Arc::new(Unheard))
            .await
            .map_err(|error| at(if error.place.is_some() { "" } else { "/plugin" }, error))?;
        Ok(spec)
    }

    /// Binds a check, its secrets filled in.
    pub(crate) async fn bind_check(
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
}
