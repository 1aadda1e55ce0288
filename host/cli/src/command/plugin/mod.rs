//! `tidegate plugin`: one file a command.

mod build;
mod inspect;
mod language;
mod list;
mod lock;
mod new;
mod publish;
mod test;
mod toolchain;

use std::process::ExitCode;
use std::sync::Arc;

use tidegate_core::schema::Limits;
use tidegate_core::{Error, Errors};
use tidegate_plugin::{InstanceGrant, LogLine, LogSink, Plugin, Runtime};

use crate::arguments::{PluginCommand, ProjectAt};
use crate::environment;
use crate::output::{Output, printable};

pub(crate) use language::{Language, Role};

pub(crate) async fn run(
    at: &ProjectAt,
    command: &PluginCommand,
    output: &Output,
) -> Result<ExitCode, Errors> {
    match command {
        PluginCommand::New(new) => new::run(new, output),
        PluginCommand::Build(build) => build::run(build, output).await,
        PluginCommand::Test(test) => test::run(test, output).await,
        PluginCommand::Inspect { plugin } => inspect::run(at, plugin, output),
        PluginCommand::Publish(publish) => publish::run(publish, output).await,
        PluginCommand::List { registry } => list::run(at, registry.as_deref(), output).await,
        PluginCommand::Lock { names } => lock::lock(at, names, output).await,
        PluginCommand::Update { names } => lock::update(at, names, output).await,
    }
}

/// The engine, with the user's cache of compiled plugins.
fn runtime() -> Result<Runtime, Error> {
    Ok(Runtime::new(&environment::plugin_cache())?)
}

/// What a plugin may use that no schema grants anything: the default limits, and the memory that its manifest wishes.
fn limits(plugin: &Plugin) -> Limits {
    let limits = Limits::default();
    Limits {
        memory: plugin.manifest.wishes.memory.unwrap_or(limits.memory),
        ..limits
    }
}

/// The same for one instance, without HTTP.
fn grant(limits: Limits) -> InstanceGrant {
    InstanceGrant {
        memory_bytes: limits.memory.0,
        time_per_call_ms: limits.time_per_batch.0,
        output_bytes: limits.output.0,
        http: Vec::new(),
    }
}

/// Shows a plugin's lines on the standard error.
struct Shown;

impl LogSink for Shown {
    fn line(&self, line: LogLine) {
        complain!("{}: {}", line.step, printable(&line.message));
    }
}

fn shown() -> Arc<dyn LogSink> {
    Arc::new(Shown)
}
