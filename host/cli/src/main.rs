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

use crate::arguments::{Arguments, Command};
use crate::output::Output;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
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

async fn run(arguments: &Arguments, output: &Output) -> Result<ExitCode, tidegate_core::Errors> {
    let project = &arguments.project;
    match &arguments.command {
        Command::Init { name } => command::init::run(project, name.as_deref(), output),
        Command::Check { locked } => command::check::run(project, *locked, output).await,
        Command::Plan(selection) => command::plan::run(project, selection, output).await,
        Command::Run(run) => command::run::run(project, run, output).await,
        Command::Asset { command } => command::asset::run(project, command, output).await,
        Command::Runs { command } => command::runs::run(project, command, output).await,
        Command::Quarantine { command } => command::quarantine::run(project, command, output).await,
        Command::Plugin { command } => command::plugin::run(project, command, output).await,
        Command::Schema { folder } => command::schema::run(folder, output),
        Command::Completions { shell } => Ok(command::completions::run(*shell)),
    }
}
