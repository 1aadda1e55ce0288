//! A private Postgres for tests: its own data folder, loopback only, nothing kept.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::daemon::gone;
use super::{apt_install, folder, folder_of, free_port, is_root, new_data_folder, run};

/// The variable in which tests look for the server's URL.
pub(crate) const URL_VARIABLE: &str = "TIDEGATE_TEST_POSTGRES_URL";

/// The variable in which tests that kill a server look for the folder of the programs that make one.
pub(crate) const PROGRAMS_VARIABLE: &str = "TIDEGATE_TEST_POSTGRES_PROGRAMS";

/// How often to try with another port where the first one was taken meanwhile.
const START_ATTEMPTS: u32 = 3;

/// Speed is all that matters: the data goes away with the server.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 500
fsync = off
synchronous_commit = off
full_page_writes = off
";

/// Installs Postgres where it is missing.
pub(crate) fn install() -> Result<(), String> {
    if programs().is_some() {
        return Ok(());
    }
    apt_install("postgresql")?;
    programs()
        .map(|_| ())
        .ok_or_else(|| "postgresql was installed, but its initdb and pg_ctl are not found".to_owned())
}

/// A server that is up. Dropping it stops the server if the [`up`] that made it started the server.
pub(crate) struct Running {
    server: Server,
    started_here: bool,
}

impl Running {
    /// Where to connect, as superuser and without a password.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.server.port)
    }

    /// The folder of its programs.
    pub(crate) fn programs(&self) -> &Path {
        &self.server.programs
    }

    /// Lets the server run on, until [`down`].
    pub(crate) fn detach(mut self) {
        self.started_here = false;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.started_here
            && let Err(error) = self.server.stop()
        {
            eprintln!("{error}");
        }
    }
}

/// Starts a server, or finds the one that an earlier call left running.
pub(crate) fn up() -> Result<Running, String> {
    if let Some(server) = recorded()? {
        if server.answers() {
            return Ok(Running {
                server,
                started_here: false,
            });
        }
        server.stop()?;
    }
    let programs = programs().ok_or("Postgres is not installed: its initdb and pg_ctl are not found")?;
    let server = Server {
        programs,
        data: new_data_folder("postgres")?,
        port: 0,
    };
    // From here on, whatever fails, the drop clears up.
    let mut running = Running {
        server,
        started_here: true,
    };
    running.server.initialise()?;
    running.server.start()?;
    running.server.record()?;
    Ok(running)
}

/// Stops the server that is up, and answers whether there was one.
pub(crate) fn down() -> Result<bool, String> {
    match recorded()? {
        Some(server) => server.stop().map(|()| true),
        None => Ok(false),
    }
}

/// A server's programs, data and port, which is 0 until it has one.
struct Server {
    programs: PathBuf,
    data: PathBuf,
    port: u16,
}

impl Server {
    /// One of the server's programs, run by a user that it accepts: they refuse root.
    fn command(&self, program: &str) -> Result<Command, String> {
        let program = self.programs.join(program);
        let mut command = if is_root()? {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // Not every folder can be entered by that user.
        command.current_dir("/").arg("-D").arg(&self.data);
        Ok(command)
    }

    fn initialise(&self) -> Result<(), String> {
        if is_root()? {
            run(Command::new("chown").arg("postgres:").arg(&self.data))?;
        }
        let arguments = [
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ];
        run(self.command("initdb")?.args(arguments)).map(|_| ())
    }

    fn start(&mut self) -> Result<(), String> {
        let settings = self.data.join("postgresql.conf");
        let preset =
            fs::read_to_string(&settings).map_err(|error| format!("{}: {error}", settings.display()))?;
        let log = self.data.join("server.log");
        let mut attempt = 1;
        loop {
            self.port = free_port()?;
            fs::write(&settings, format!("{preset}{SETTINGS}port = {}\n", self.port))
                .map_err(|error| format!("{}: {error}", settings.display()))?;
            match run(self
                .command("pg_ctl")?
                .args(["start", "-w", "-s", "-t", "60", "-l"])
                .arg(&log))
            {
                Ok(_) => return Ok(()),
                Err(_) if attempt < START_ATTEMPTS => attempt += 1,
                Err(error) => return Err(format!("{error}{}", fs::read_to_string(&log).unwrap_or_default())),
            }
        }
    }

    /// Whether somebody listens. `pg_ctl status` is no help: it takes a dead process that nobody has reaped for alive.
    fn answers(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }

    /// Stops the server if it runs, and removes its data.
    fn stop(&self) -> Result<(), String> {
        if self.data.join("postmaster.pid").exists() {
            let stopped =
                run(self
                    .command("pg_ctl")?
                    .args(["stop", "-w", "-s", "-t", "10", "-m", "immediate"]));
            // One that died by itself cannot be stopped, and need not be.
            if self.answers() {
                stopped?;
            }
        }
        gone(fs::remove_dir_all(&self.data), &self.data)?;
        let record = record();
        gone(fs::remove_file(&record), &record)
    }

    /// Writes down that the server is up.
    fn record(&self) -> Result<(), String> {
        let (folder, record) = (folder(), record());
        let text = serde_json::json!({"port": self.port, "data": self.data, "programs": self.programs});
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&record, text.to_string()))
            .map_err(|error| format!("{}: {error}", record.display()))
    }
}

/// Where it is written down that a server is up.
fn record() -> PathBuf {
    folder().join("postgres.json")
}

/// The server that was written down.
fn recorded() -> Result<Option<Server>, String> {
    let record = record();
    let Ok(text) = fs::read_to_string(&record) else {
        return Ok(None);
    };
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", record.display()))?;
    let port = value["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    match (value["programs"].as_str(), value["data"].as_str(), port) {
        (Some(programs), Some(data), Some(port)) => Ok(Some(Server {
            programs: programs.into(),
            data: data.into(),
            port,
        })),
        _ => Err(format!(
            "{}: not what was written there; stop the server by hand and remove it",
            record.display()
        )),
    }
}

/// The folder of Postgres's programs: the newest of Debian's, else the one in `PATH`.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    versions
        .filter_map(|version| {
            Some((
                version.file_name().to_str()?.parse::<u32>().ok()?,
                version.path().join("bin"),
            ))
        })
        .filter(|(_, programs)| programs.join("postgres").is_file())
        .max()
        .map(|(_, programs)| programs)
        .or_else(|| folder_of("initdb").filter(|programs| programs.join("pg_ctl").is_file()))
}
