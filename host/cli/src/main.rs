//! The tidegate command line.

#[macro_use]
mod say;

mod arguments;
mod command;
mod environment;
mod output;
mod session;

use std::process::ExitCode;

use clap::Parser;

use tidegate_core::{Error, Kind};

use crate::arguments::{Arguments, Command};
use crate::output::Output;

/// docs/decisions/0004-allocator.md; its settings are in .cargo/config.toml.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refused) => return misused(&refused),
    };
    let output = Output::new(arguments.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain!("error: the runtime did not start: {error}");
            return ExitCode::from(1);
        }
    };
    match runtime.block_on(run(&arguments, &output)) {
        Ok(code) => code,
        Err(errors) => output.errors(&errors),
    }
}

/// What was typed is no command, or asks for help. A program that asked for JSON is told in JSON.
fn misused(refused: &clap::Error) -> ExitCode {
    let json = environment::asks_for_json();
    if !refused.use_stderr() || !json {
        let _ = refused.print();
        return ExitCode::from(u8::try_from(refused.exit_code()).unwrap_or(2));
    }
    let text = refused.render().to_string();
    let (message, hint) = text.split_once("\n\n").unwrap_or((&text, ""));
    let message = message.trim_start_matches("error: ").trim();
    let error = Error::new(Kind::Usage, "cli.usage", message).hint(hint.trim());
    Output::new(true).errors(&error.into())
}

async fn run(arguments: &Arguments, output: &Output) -> Result<ExitCode, tidegate_core::Errors> {
    let project = &arguments.project;
    match &arguments.command {
        Command::Init { name, from, schema } => match from {
            Some(url) => command::init_from::run(&project.folder, name.as_deref(), url, schema, output).await,
            None => command::init::run(&project.folder, name.as_deref(), output),
        },
        Command::Check { locked, connect } => command::check::run(project, *locked, *connect, output).await,
        Command::Query(query) => command::query::run(project, query, output).await,
        Command::Plan(plan) => command::plan::run(project, plan, output).await,
        Command::Run(typed) => match &typed.alias {
            Some(alias) => command::runs::run_alias(project, alias, output).await,
            None => command::run::run(project, &typed.run, output).await,
        },
        Command::Asset { command } => command::asset::run(project, command, output).await,
        Command::Serve(serve) => command::serve::run(project, serve, output).await,
        Command::Backfill { command } => command::backfill::run(project, command, output).await,
        Command::Runs { command } => command::runs::run(project, command, output).await,
        Command::Job { command } => command::job::run(project, command, output).await,
        Command::Schedule { command } => command::schedule::run(project, command, output).await,
        Command::Sensor { command } => command::sensor::run(project, command, output).await,
        Command::Automation { command } => command::automation::run(project, command, output).await,
        Command::Notification { command } => command::notification::run(project, command, output).await,
        Command::Token { command } => command::token::run(project, command, output).await,
        Command::State { command } => command::state::run(project, command, output).await,
        Command::Clickhouse { command } => command::clickhouse::run(project, command, output).await,
        Command::Quarantine { command } => command::quarantine::run(project, command, output).await,
        Command::Plugin { command } => command::plugin::run(project, command, output).await,
        Command::Schema { folder } => command::schema::run(folder, output),
        Command::Completions { shell } => Ok(command::completions::run(*shell)),
    }
}
