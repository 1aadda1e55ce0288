//! A Postgres of a test's own, which it may kill.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Without what matters only where a machine dies: what was committed outlives the server's processes.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
full_page_writes = off
";

/// How often it is started anew where its port was taken.
const START_TRIES: u32 = 4;

/// A server with its data, on a port of its own; both go with it.
pub(crate) struct PostgresServer {
    data: TempDir,
    port: u16,
}

impl PostgresServer {
    /// Makes one and starts it.
    pub(crate) fn start() -> Self {
        let mut server = Self {
            data: tempfile::tempdir().unwrap(),
            port: 0,
        };
        if rustix::process::geteuid().is_root() {
            run(Command::new("chown").arg("postgres:").arg(server.data.path())).unwrap();
        }
        server
            .program(
                "initdb",
                &[
                    "-U",
                    "postgres",
                    "-A",
                    "trust",
                    "-E",
                    "UTF8",
                    "--locale=C.UTF-8",
                    "--no-sync",
                ],
            )
            .unwrap();
        let settings = server.data.path().join("postgresql.conf");
        let preset = fs::read_to_string(&settings).unwrap();
        let mut said = String::new();
        for _ in 0..START_TRIES {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            server.port = listener.local_addr().unwrap().port();
            drop(listener);
            fs::write(&settings, format!("{preset}{SETTINGS}port = {}\n", server.port)).unwrap();
            match server.control(&["start"]) {
                Ok(()) => return server,
                Err(error) => said = error,
            }
        }
        panic!("the server did not start: {said}");
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends all its processes where they stand, as a crash would, and starts it again; it recovers by its log.
    pub(crate) fn crash_and_restart(&self) {
        self.control(&["restart", "-m", "immediate"]).unwrap();
    }

    fn control(&self, what: &[&str]) -> Result<(), String> {
        let log = self.data.path().join("server.log");
        let log = log.to_str().unwrap();
        self.program("pg_ctl", &[what, &["-w", "-s", "-t", "60", "-l", log]].concat())
    }

    /// Runs one of its programs, by a user that it accepts: they refuse root.
    fn program(&self, name: &str, arguments: &[&str]) -> Result<(), String> {
        let programs = std::env::var("TIDEGATE_TEST_POSTGRES_PROGRAMS").expect("`cargo xtask test` sets it");
        let program = Path::new(&programs).join(name);
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // Not every folder can be entered by that user.
        run(command
            .current_dir("/")
            .arg("-D")
            .arg(self.data.path())
            .args(arguments))
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.data.path().join("postmaster.pid").exists() {
            let _ = self.control(&["stop", "-m", "immediate"]);
        }
    }
}

/// Runs a command to its end; an error says what it said.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{command:?}: {}{said}",
        String::from_utf8_lossy(&output.stdout)
    ))
}
