//! `cargo xtask test`: every test, with what it needs.

use crate::process::{self, phase};
use crate::services::postgres;
use crate::{guests, setup};

/// Installs and starts what the tests need, runs them, and stops what it started. With arguments, which go to
/// `cargo test`, only the host's tests run.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    phase("setup", setup::run)?;
    phase("plugins", || {
        guests::python::install()?;
        guests::javascript::install()?;
        guests::build()
    })?;
    let server = phase("postgres", || {
        postgres::install()?;
        postgres::up()
    })?;
    let mut command = process::cargo();
    command.arg("test").env(postgres::URL_VARIABLE, server.url());
    if arguments.is_empty() {
        command.args(["--workspace", "--no-fail-fast"]);
    }
    command.args(arguments);
    let host = phase("tests of the host", || process::stream(&mut command));
    // Both run whatever the other says: one call shows all that fails.
    let plugins = if arguments.is_empty() {
        phase("tests of the plugins", || {
            process::stream(guests::cargo("test").arg("--no-fail-fast"))?;
            guests::python::test()?;
            guests::javascript::test()
        })
    } else {
        Ok(())
    };
    drop(server);
    match (host, plugins) {
        (Err(host), Err(plugins)) => Err(format!("{host}, and {plugins}")),
        (host, plugins) => host.and(plugins),
    }
}
