//! The project's own tasks: `cargo xtask setup`, `guests`, `demo`, `test`, `services`, `ci` and `bench`.

mod bench;
mod demo;
mod failures;
mod graph;
mod guests;
mod process;
mod services;
mod setup;
mod test;
mod venv;

use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

/// What is typed behind `cargo xtask`.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "The project's own tasks",
    version
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs the Wasm target that plugins are built for, and looks for a C compiler
    Setup,
    /// Builds the plugins into plugins/dist
    Guests,
    /// Builds Tidegate and runs the example project in schemas/
    Demo {
        /// The example among servers: Postgres, plugins, ClickHouse, a bucket
        #[arg(long)]
        full: bool,
    },
    /// Installs and starts what the tests need, runs them all, and stops what it started
    Test {
        /// Handed to `cargo test` of the host; only the host's tests run then
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Starts or stops a service that tests need
    Services {
        #[command(subcommand)]
        action: Action,
    },
    /// Runs what CI runs: format, lints, every test
    Ci,
    /// Times Tidegate and a peer on the same work; `clickhouse` before the rest: beside a ClickHouse engine
    Bench {
        /// Handed to bench/run.py or bench/clickhouse.py
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Subcommand)]
enum Action {
    /// Installs the service where it is missing, starts it, and leaves it running
    Up { service: Service },
    /// Stops it
    Down { service: Service },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Service {
    Postgres,
    S3,
    Oci,
    Clickhouse,
    OldClickhouse,
    Aws,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Setup => setup::run(),
        Task::Guests => guests::run(),
        Task::Demo { full } => demo::run(full),
        Task::Test { arguments } => test::run(&arguments),
        Task::Services { action } => services(&action),
        Task::Ci => {
            process::stream(Command::new(process::root().join(".ci/run")).current_dir(process::root()))
        }
        Task::Bench { arguments } => bench::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn services(action: &Action) -> Result<(), String> {
    match action {
        Action::Up { service } => {
            let (variable, address) = match service {
                Service::Postgres => {
                    services::postgres::install()?;
                    let server = services::postgres::up()?;
                    let url = server.url();
                    println!(
                        "export {}={}",
                        services::postgres::PROGRAMS_VARIABLE,
                        server.programs().display()
                    );
                    server.detach();
                    (services::postgres::URL_VARIABLE, url)
                }
                Service::S3 => {
                    venv::install()?;
                    println!(
                        "export {}={}",
                        services::s3::PROGRAM_VARIABLE,
                        services::s3::program()?.display()
                    );
                    (services::s3::URL_VARIABLE, services::s3::up()?.detach())
                }
                Service::Clickhouse => {
                    venv::install()?;
                    let server = services::clickhouse::up()?;
                    let python = services::clickhouse::python()?;
                    println!(
                        "export {}={}",
                        services::clickhouse::PYTHON_VARIABLE,
                        python.display()
                    );
                    (services::clickhouse::URL_VARIABLE, server.detach())
                }
                Service::OldClickhouse => {
                    let server = services::old_clickhouse::up()?;
                    let server = server.ok_or("this system has no package of it")?;
                    (services::old_clickhouse::URL_VARIABLE, server.detach())
                }
                Service::Aws => {
                    venv::install()?;
                    (services::aws::URL_VARIABLE, services::aws::up()?.detach())
                }
                Service::Oci => {
                    services::oci::install()?;
                    (services::oci::HOST_VARIABLE, services::oci::up()?.detach())
                }
            };
            println!("export {variable}={address}");
        }
        Action::Down { service } => {
            let (name, stopped) = match service {
                Service::Postgres => ("postgres", services::postgres::down()?),
                Service::S3 => ("s3", services::s3::down()?),
                Service::Oci => ("oci", services::oci::down()?),
                Service::Aws => ("aws", services::aws::down()?),
                Service::Clickhouse => ("clickhouse", services::clickhouse::down()?),
                Service::OldClickhouse => ("old-clickhouse", services::old_clickhouse::down()?),
            };
            println!("{name} {}", if stopped { "is stopped" } else { "was not up" });
        }
    }
    Ok(())
}
