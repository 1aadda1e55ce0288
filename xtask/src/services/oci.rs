//! A private OCI registry for tests: the reference implementation, with a login, loopback only, nothing kept.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;

use super::daemon::Daemon;
use super::{apt_install, folder_of, free_port, new_data_folder};

/// The variable in which tests look for the registry's host and port.
pub(crate) const HOST_VARIABLE: &str = "TIDEGATE_TEST_OCI_HOST";

/// Who may use it: `tester` with `test-password`, as a bcrypt hash of the least cost, since it guards nothing.
const USERS: &str = "tester:$2b$04$FCuFNXrRnzVa8lf3W7f/JOgWs.iFGypOjF1nBnWXNFL3C6rCipvta\n";

const PROGRAM: &str = "docker-registry";

/// Installs the registry where it is missing.
pub(crate) fn install() -> Result<(), String> {
    if folder_of(PROGRAM).is_some() {
        return Ok(());
    }
    apt_install(PROGRAM)
}

/// Starts a registry, or finds the one that an earlier call left running. Its address is a host with a port.
pub(crate) fn up() -> Result<Daemon, String> {
    if let Some(mut daemon) = Daemon::recorded("oci")? {
        if TcpStream::connect(daemon.address()).is_ok() {
            return Ok(daemon);
        }
        daemon.stop()?;
    }
    let data = new_data_folder("oci")?;
    let port = free_port()?;
    let (users, settings) = (data.join("users"), data.join("settings.yml"));
    let text = serde_json::json!({
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": true}},
        "storage": {"filesystem": {"rootdirectory": data.join("blobs")}, "delete": {"enabled": true}},
        "http": {"addr": format!("127.0.0.1:{port}")},
        "auth": {"htpasswd": {"realm": "tests", "path": users}},
    });
    // JSON is YAML.
    fs::write(&users, USERS)
        .and_then(|()| fs::write(&settings, text.to_string()))
        .map_err(|error| format!("{}: {error}", data.display()))?;
    let mut command = Command::new(PROGRAM);
    command.arg("serve").arg(&settings);
    let address = format!("127.0.0.1:{port}");
    Daemon::start("oci", data, address, &mut command, || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    })
}

/// Stops the registry that is up, and answers whether there was one.
pub(crate) fn down() -> Result<bool, String> {
    match Daemon::recorded("oci")? {
        Some(mut daemon) => daemon.stop().map(|()| true),
        None => Ok(false),
    }
}
