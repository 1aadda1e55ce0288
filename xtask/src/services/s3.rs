//! A private S3 server for tests: SeaweedFS, with credentials, loopback only, nothing kept.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::daemon::Daemon;
use super::{folder, free_port, new_data_folder};
use crate::venv;

/// The variable in which tests look for the server's URL.
pub(crate) const URL_VARIABLE: &str = "TIDEGATE_TEST_S3_URL";

/// The variable in which tests that kill a server look for the program that is one.
pub(crate) const PROGRAM_VARIABLE: &str = "TIDEGATE_TEST_S3_PROGRAM";

/// What is installed, by its hashes.
const REQUIREMENTS: &str = "xtask/src/services/seaweedfs-requirements.txt";

/// Who may use it, and by which secret.
pub(crate) const USER: &str = "tests";
pub(crate) const SECRET: &str = "test-secret";

/// The same as the server is told it.
const USERS: &str = r#"{"identities": [{"name": "tests", "actions": ["Admin"],
    "credentials": [{"accessKey": "tests", "secretKey": "test-secret"}]}]}"#;

/// The bucket that tests find in it; each test has a prefix of its own.
const BUCKET: &str = "tests";

/// How often it is started anew where a port was taken.
const START_TRIES: u32 = 4;

/// Its parts, each of which listens on a port.
const PORTS: [&str; 8] = [
    "-master.port",
    "-master.port.grpc",
    "-volume.port",
    "-volume.port.grpc",
    "-filer.port",
    "-filer.port.grpc",
    "-s3.port.grpc",
    "-s3.port",
];

/// The program, installed where it is not.
pub(crate) fn program() -> Result<PathBuf, String> {
    Ok(programs()?.join("weed"))
}

fn programs() -> Result<PathBuf, String> {
    venv::with(&folder().join("seaweedfs"), REQUIREMENTS)
}

/// Starts a server, or finds the one that an earlier call left running. Its address is a URL.
pub(crate) fn up() -> Result<Daemon, String> {
    if let Some(mut daemon) = Daemon::recorded("s3")? {
        if port_of(daemon.address()).is_some_and(answers) {
            return Ok(daemon);
        }
        daemon.stop()?;
    }
    let programs = programs()?;
    let mut tries = 1;
    loop {
        match start(&programs) {
            // Eight ports were free, and one no longer is: its own parts connect to each other from such ports too.
            Err(error) if error.contains("address already in use") && tries < START_TRIES => tries += 1,
            done => return done,
        }
    }
}

fn start(programs: &Path) -> Result<Daemon, String> {
    let data = new_data_folder("s3")?;
    let users = data.join("users.json");
    fs::write(&users, USERS).map_err(|error| format!("{}: {error}", users.display()))?;
    let mut command = Command::new(programs.join("weed"));
    command
        .arg("server")
        .arg(format!("-dir={}", data.display()))
        .arg(format!("-s3.config={}", users.display()))
        .args(["-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
        // Small volumes that are made as they are needed; an election among one; nothing told to anybody.
        .args(["-volume.max=50", "-master.volumeSizeLimitMB=64"])
        .args(["-master.electionTimeout=1s", "-master.telemetry=false"])
        // Instead of a share of the disk: on a large one that is nearly full, volumes would become read-only.
        .arg("-volume.minFreeSpace=64MiB")
        .args(["-s3.port.iceberg=0", "-s3.port.lance=0"]);
    let mut ports = Vec::new();
    for name in PORTS {
        let port = free_port()?;
        command.arg(format!("{name}={port}"));
        ports.push(port);
    }
    let [master, master_grpc, .., port] = ports[..] else {
        return Err("SeaweedFS has no ports".into());
    };
    let address = format!("http://127.0.0.1:{port}");
    let daemon = Daemon::start("s3", data, address, &mut command, || answers(port))?;
    make_bucket(programs, &format!("127.0.0.1:{master}.{master_grpc}"))?;
    Ok(daemon)
}

/// Makes the bucket through the server's own shell.
fn make_bucket(programs: &Path, master: &str) -> Result<(), String> {
    let mut shell = Command::new(programs.join("weed"))
        .args(["shell", &format!("-master={master}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("weed shell could not be started: {error}"))?;
    if let Some(mut stdin) = shell.stdin.take() {
        let asked = writeln!(stdin, "s3.bucket.create -name {BUCKET}\nexit");
        asked.map_err(|error| format!("weed shell ended early: {error}"))?;
    }
    let ended = shell.wait().map_err(|error| format!("weed shell: {error}"))?;
    if ended.success() {
        Ok(())
    } else {
        Err(format!(
            "the bucket `{BUCKET}` could not be made: weed shell ended with {ended}"
        ))
    }
}

/// Stops the server that is up, and answers whether there was one.
pub(crate) fn down() -> Result<bool, String> {
    match Daemon::recorded("s3")? {
        Some(mut daemon) => daemon.stop().map(|()| true),
        None => Ok(false),
    }
}

fn port_of(address: &str) -> Option<u16> {
    address.rsplit_once(':')?.1.parse().ok()
}

/// Whether it answers what nobody signed with a refusal: before its parts have found one another it is another error.
fn answers(port: u16) -> bool {
    let asked = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status)
    });
    asked.is_ok_and(|status| status.ends_with(b" 403"))
}
