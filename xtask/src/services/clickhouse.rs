//! A private ClickHouse for tests: its engine behind scripts/clickhouse_http.py, with a login, loopback only, nothing kept.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use super::daemon::Daemon;
use super::{folder, free_port, new_data_folder};
use crate::{process, venv};

/// The variable in which tests look for the server's URL, which holds the login.
pub(crate) const URL_VARIABLE: &str = "TIDEGATE_TEST_CLICKHOUSE_URL";

/// The variable in which tests that stop an engine look for the Python that can start one.
pub(crate) const PYTHON_VARIABLE: &str = "TIDEGATE_TEST_CLICKHOUSE_PYTHON";

/// What is installed, by its hashes.
const REQUIREMENTS: &str = "xtask/src/services/clickhouse-requirements.txt";

pub(crate) const USER: &str = "tests";
pub(crate) const PASSWORD: &str = "test-secret";

/// Starts a server, or finds the one that an earlier call left running. Its address is a URL.
pub(crate) fn up() -> Result<Daemon, String> {
    if let Some(mut daemon) = Daemon::recorded("clickhouse")? {
        if daemon
            .address()
            .rsplit_once('@')
            .is_some_and(|(_, host)| answers(host))
        {
            return Ok(daemon);
        }
        daemon.stop()?;
    }
    let python = python()?;
    let data = new_data_folder("clickhouse")?;
    let host = format!("127.0.0.1:{}", free_port()?);
    let mut command = Command::new(python);
    command
        .arg(process::root().join("scripts/clickhouse_http.py"))
        .arg(data.join("engine"))
        .args([host.rsplit(':').next().unwrap_or_default(), USER, PASSWORD]);
    let address = format!("http://{USER}:{PASSWORD}@{host}");
    Daemon::start("clickhouse", data, address, &mut command, || answers(&host))
}

/// The Python that has the engine, installed where it is missing.
pub(crate) fn python() -> Result<PathBuf, String> {
    Ok(venv::with(&folder().join("clickhouse"), REQUIREMENTS)?.join("python"))
}

/// Stops the server that is up, and answers whether there was one.
pub(crate) fn down() -> Result<bool, String> {
    match Daemon::recorded("clickhouse")? {
        Some(mut daemon) => daemon.stop().map(|()| true),
        None => Ok(false),
    }
}

/// It listens once the engine is there.
fn answers(host: &str) -> bool {
    TcpStream::connect(host).is_ok()
}
