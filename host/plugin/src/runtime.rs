//! The engine: one for a process, with its clock and its cache.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tidegate_core::plan::Digest;
use wasmtime::component::{InstancePre, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::cache::Cache;
use crate::catalog::Plugin;
use crate::error::PluginError;
use crate::http::Client;
use crate::limits::YIELD_EVERY_MS;
use crate::sandbox::{Sandbox, link_wasi};
use crate::surroundings::Surroundings;
use crate::v0_1;

/// Instances that may live at once in a process: a few assets in parallel with a few steps each.
const POOLED_INSTANCES: u32 = 64;

/// Core modules of one component, and tables of all of them: the guest's, its shims, what composition adds. A Python
/// plugin has 38 core modules and 2 tables (componentize-py 0.25.1 links CPython's libraries as a module each).
const CORE_INSTANCES_EACH: u32 = 64;
const TABLES_EACH: u32 = 8;

/// The largest memory that a schema may grant: what a 32-bit guest can address.
const POOLED_MEMORY_BYTES: usize = 4 << 30;

/// The stack of a guest. Rust's own default for a thread is 2 MiB; a guest that recurses deeper traps.
const GUEST_STACK_BYTES: usize = 1 << 20;

/// Runs components. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
    surroundings: Surroundings,
}

struct Inner {
    engine: Engine,
    linker: Linker<Sandbox>,
    cache_folder: PathBuf,
    cache: OnceLock<Cache>,
    http: Client,
    stop: Arc<AtomicBool>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Runtime {
    /// A runtime that keeps compiled components in a folder, which must be the user's own. It is made and looked at when
    /// the first plugin is prepared: what needs no plugin needs no cache.
    pub fn new(cache: &Path) -> Result<Self, PluginError> {
        // A machine that does not give the pool its address space still runs plugins, each with its own mapping.
        let engine = Engine::new(&config(true))
            .or_else(|_| Engine::new(&config(false)))
            .map_err(|error| PluginError::Engine(format!("{error:#}")))?;
        let mut linker = Linker::new(&engine);
        link_wasi(&mut linker)
            .and_then(|()| crate::http::link(&mut linker))
            .and_then(|()| v0_1::link(&mut linker))
            .map_err(|error| PluginError::Engine(format!("{error:#}")))?;
        let http = Client::new().map_err(PluginError::Engine)?;
        let stop = Arc::new(AtomicBool::new(false));
        tick(&engine, stop.clone())?;
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                linker,
                cache_folder: cache.to_owned(),
                cache: OnceLock::new(),
                http,
                stop,
            }),
            surroundings: Surroundings::Real,
        })
    }

    /// The same engine, whose guests see other clocks and random numbers.
    #[must_use]
    pub fn within(&self, surroundings: Surroundings) -> Self {
        Self {
            inner: self.inner.clone(),
            surroundings,
        }
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        self.surroundings
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// What all plugins' requests are sent with.
    pub(crate) fn http(&self) -> &Client {
        &self.inner.http
    }

    fn cache(&self) -> Result<&Cache, PluginError> {
        match self.inner.cache.get() {
            Some(cache) => Ok(cache),
            None => {
                let cache = Cache::open(&self.inner.cache_folder)?;
                // Two may open it at once; both find the same.
                Ok(self.inner.cache.get_or_init(|| cache))
            }
        }
    }

    /// A plugin, compiled or loaded, linked, ready to be instantiated.
    pub(crate) fn prepare(&self, plugin: &Plugin) -> Result<InstancePre<Sandbox>, PluginError> {
        let file = || plugin.file.display().to_string();
        let digest: &Digest = &plugin.digest;
        let component = self
            .cache()?
            .component(&self.inner.engine, digest, &plugin.wasm)
            .map_err(|why| PluginError::NotAPlugin { file: file(), why })?;
        self.inner
            .linker
            .instantiate_pre(&component)
            .map_err(|error| PluginError::Link {
                file: file(),
                why: format!("{error:#}"),
            })
    }
}

fn config(pooling: bool) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK_BYTES)
        .async_stack_size(2 * GUEST_STACK_BYTES);
    if pooling {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(POOLED_INSTANCES)
            .total_core_instances(POOLED_INSTANCES * CORE_INSTANCES_EACH)
            .total_memories(POOLED_INSTANCES)
            .total_tables(POOLED_INSTANCES * TABLES_EACH)
            .total_stacks(POOLED_INSTANCES)
            // What one component may take of it.
            .max_core_instances_per_component(CORE_INSTANCES_EACH)
            .max_memories_per_component(1)
            .max_tables_per_component(TABLES_EACH)
            .table_elements(100_000)
            .max_memory_size(POOLED_MEMORY_BYTES)
            // A batch's memory stays mapped between instances, so that a new one does not fault it in again.
            .linear_memory_keep_resident(2 << 20);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// Moves the engine's epoch on, so that running guests give way and slow ones are stopped. Ends with the runtime.
fn tick(engine: &Engine, stop: Arc<AtomicBool>) -> Result<(), PluginError> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("plugin-epoch".into())
        .spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(YIELD_EVERY_MS));
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        })
        .map(drop)
        .map_err(|error| PluginError::Engine(error.to_string()))
}
