//! AWS's protocols for tests, as moto speaks them: Secrets Manager on loopback, nothing kept.

use std::net::TcpStream;
use std::process::Command;

use super::daemon::Daemon;
use super::{folder, free_port, new_data_folder};
use crate::venv;

/// The variable in which tests look for the server's URL.
pub(crate) const URL_VARIABLE: &str = "TIDEGATE_TEST_AWS_URL";

/// What is installed, by its hashes.
const REQUIREMENTS: &str = "xtask/src/services/moto-requirements.txt";

/// Starts a server, or finds the one that an earlier call left running. Its address is a URL.
pub(crate) fn up() -> Result<Daemon, String> {
    if let Some(mut daemon) = Daemon::recorded("aws")? {
        if daemon.address().strip_prefix("http://").is_some_and(answers) {
            return Ok(daemon);
        }
        daemon.stop()?;
    }
    let programs = venv::with(&folder().join("aws"), REQUIREMENTS)?;
    let data = new_data_folder("aws")?;
    let port = free_port()?;
    let host = format!("127.0.0.1:{port}");
    let mut command = Command::new(programs.join("moto_server"));
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    Daemon::start("aws", data, format!("http://{host}"), &mut command, || {
        answers(&host)
    })
}

/// Stops the server that is up, and answers whether there was one.
pub(crate) fn down() -> Result<bool, String> {
    match Daemon::recorded("aws")? {
        Some(mut daemon) => daemon.stop().map(|()| true),
        None => Ok(false),
    }
}

fn answers(host: &str) -> bool {
    TcpStream::connect(host).is_ok()
}
