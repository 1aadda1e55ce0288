//! `cargo xtask test`: every test, with what it needs.

use crate::failures::Failures;
use crate::process::{self, phase};
use crate::services::{aws, clickhouse, clock, oci, old_clickhouse, pipes, postgres, s3};
use crate::{guests, setup, venv};

/// Installs and starts what the tests need, runs them, and stops what it started. With arguments, which go to
/// `cargo test`, only the host's tests run.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    phase("setup", setup::run)?;
    phase("plugins", || {
        venv::install()?;
        guests::build()
    })?;
    // The tests of the command line and of the guides build plugins too.
    let path = guests::node::path(&guests::target())?;
    let server = phase("postgres", || {
        postgres::install()?;
        postgres::up()
    })?;
    let objects = phase("s3", s3::up)?;
    let artifacts = phase("oci", || {
        oci::install()?;
        oci::up()
    })?;
    let clock = phase("clock", clock::install)?;
    let secrets = phase("aws", aws::up)?;
    let warehouse = phase("clickhouse", clickhouse::up)?;
    let old = phase("old-clickhouse", old_clickhouse::up)?;
    let mut command = process::cargo();
    command
        .arg("test")
        .env("PATH", path)
        .env(postgres::URL_VARIABLE, server.url())
        .env(postgres::PROGRAMS_VARIABLE, server.programs())
        .env(s3::URL_VARIABLE, objects.address())
        .env(s3::PROGRAM_VARIABLE, s3::program()?)
        .env(clock::LIBRARY_VARIABLE, clock)
        .env(aws::URL_VARIABLE, secrets.address())
        .env(oci::HOST_VARIABLE, artifacts.address())
        .env(clickhouse::URL_VARIABLE, warehouse.address())
        .env(clickhouse::PYTHON_VARIABLE, clickhouse::python()?)
        .env(pipes::PYTHON_VARIABLE, pipes::python()?);
    if let Some(old) = &old {
        command.env(old_clickhouse::URL_VARIABLE, old.address());
    }
    if arguments.is_empty() {
        command.args(["--workspace", "--no-fail-fast"]);
    }
    command.args(arguments);
    let mut failures = Failures::default();
    let host = phase("tests of the host", || failures.watch(&mut command));
    // Both run whatever the other says: one call shows all that fails.
    let plugins = if arguments.is_empty() {
        phase("tests of the plugins", || {
            failures.watch(guests::cargo("test").arg("--no-fail-fast"))?;
            guests::python::test()?;
            guests::javascript::test(&guests::target())
        })
    } else {
        Ok(())
    };
    drop((server, objects, artifacts, secrets, warehouse, old));
    failures.show();
    match (host, plugins) {
        (Err(host), Err(plugins)) => Err(format!("{host}, and {plugins}")),
        (host, plugins) => host.and(plugins),
    }
}
