//! A ClickHouse of 2018, as Debian 12 packages it: what is too old must be told so. Where the system has no such package
//! there is none, and its test says that it was left out.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use super::daemon::Daemon;
use super::{apt_install, folder, folder_of, free_port, new_data_folder, run};

/// The variable in which tests look for the server's URL, which holds the login.
pub(crate) const URL_VARIABLE: &str = "TIDEGATE_TEST_OLD_CLICKHOUSE_URL";

const NAME: &str = "old-clickhouse";
/// Has the engine, and is installed; the server's package would start one of its own, and is only unpacked.
const LIBRARY: &str = "clickhouse-common";
const SERVER: &str = "clickhouse-server";
const VERSION: &str = "18.16";

/// Starts a server, or finds the one that an earlier call left running; none where the system has no package of it.
pub(crate) fn up() -> Result<Option<Daemon>, String> {
    if let Some(mut daemon) = Daemon::recorded(NAME)? {
        if daemon
            .address()
            .rsplit_once('@')
            .is_some_and(|(_, host)| TcpStream::connect(host).is_ok())
        {
            return Ok(Some(daemon));
        }
        daemon.stop()?;
    }
    let Some(program) = program()? else {
        return Ok(None);
    };
    let data = new_data_folder(NAME)?;
    let (port, native) = (free_port()?, free_port()?);
    let config = data.join("config.xml");
    let text = format!(
        "<yandex><logger><level>warning</level><console>1</console></logger><http_port>{port}</http_port>\
         <tcp_port>{native}</tcp_port><listen_host>127.0.0.1</listen_host><path>{data}/</path>\
         <tmp_path>{data}/tmp/</tmp_path><mark_cache_size>5368709</mark_cache_size><users_config>users.xml</users_config>\
         <default_profile>default</default_profile><default_database>default</default_database></yandex>",
        data = data.display(),
    );
    let users = "<yandex><profiles><default/></profiles><users><tests><password>test-secret</password><networks>\
                 <ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></tests></users>\
                 <quotas><default/></quotas></yandex>";
    fs::write(&config, text)
        .and_then(|()| fs::write(data.join("users.xml"), users))
        .map_err(|error| format!("{}: {error}", data.display()))?;
    let mut command = Command::new(program);
    command
        .arg(format!("--config-file={}", config.display()))
        .env("LC_ALL", "C");
    let address = format!("http://tests:test-secret@127.0.0.1:{port}");
    let ready = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
    Daemon::start(NAME, data, address, &mut command, ready).map(Some)
}

/// Stops the server that is up, and answers whether there was one.
pub(crate) fn down() -> Result<bool, String> {
    match Daemon::recorded(NAME)? {
        Some(mut daemon) => daemon.stop().map(|()| true),
        None => Ok(false),
    }
}

/// The server's program, unpacked where it is missing; none where the system has no such package.
fn program() -> Result<Option<PathBuf>, String> {
    let unpacked = folder().join(NAME);
    let program = unpacked.join("usr/sbin/clickhouse-server");
    if program.is_file() && installed() {
        return Ok(Some(program));
    }
    let offered = || {
        let policy = run(Command::new("apt-cache").args(["policy", SERVER])).unwrap_or_default();
        policy.contains(&format!("Candidate: {VERSION}"))
    };
    if folder_of("apt-cache").is_none() || !(installed() || apt_install(LIBRARY).is_ok()) || !offered() {
        eprintln!(
            "this system has no package of ClickHouse {VERSION}: the test of a server that is too old is left out"
        );
        return Ok(None);
    }
    fs::create_dir_all(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
    run(Command::new("apt-get")
        .args(["download", SERVER])
        .current_dir(&unpacked))?;
    let package = fs::read_dir(&unpacked)
        .map_err(|error| format!("{}: {error}", unpacked.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or_else(|| format!("apt-get downloaded no package of {SERVER}"))?;
    run(Command::new("dpkg").arg("-x").args([&package, &unpacked]))?;
    Ok(Some(program))
}

fn installed() -> bool {
    run(Command::new("dpkg").args(["-s", LIBRARY]))
        .is_ok_and(|status| status.contains(&format!("Version: {VERSION}")))
}
