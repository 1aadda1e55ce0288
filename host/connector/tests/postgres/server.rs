//! A server of a test's own, which it may kill, with a login and a certificate.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// The password of the user `postgres`.
pub(crate) const PASSWORD: &str = "planted-secret";

/// A server on a port, with its data.
pub(crate) struct Server {
    port: u16,
    folder: TempDir,
}

impl Server {
    /// Starts one, and waits until it answers.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// Starts one that encrypts, with a certificate of `localhost`.
    pub(crate) fn start_encrypted() -> Self {
        Self::start_with("ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n")
    }

    /// The certificate of the authority that signed the server's.
    pub(crate) fn authority(&self) -> PathBuf {
        self.data().join("authority.crt")
    }

    fn certify(&self) {
        std::fs::write(self.data().join("names"), "subjectAltName = DNS:localhost\n").unwrap();
        // Debian's Postgres brings the program with it.
        let openssl = |arguments: &str| {
            run(user("openssl".into())
                .args(arguments.split(' '))
                .current_dir(self.data())
                .stderr(Stdio::null()));
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(&format!(
            "req -x509 {key} -days 2 -subj /CN=authority -keyout authority.key -out authority.crt"
        ));
        openssl(&format!(
            "req -new {key} -subj /CN=localhost -keyout server.key -out server.csr"
        ));
        openssl(
            "x509 -req -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial -days 2 -extfile names -out server.crt",
        );
        run(user("chmod".into())
            .arg("600")
            .arg(self.data().join("server.key")));
    }

    /// Starts one with more settings.
    pub(crate) fn start_with(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if as_root() {
            let changed = Command::new("chown").arg("postgres").arg(folder.path()).status();
            assert!(changed.unwrap().success());
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let server = Self { port, folder };
        let word = server.folder.path().join("password");
        std::fs::write(&word, PASSWORD).unwrap();
        run(program("initdb")
            .arg("-D")
            .arg(server.data())
            .args([
                "-U",
                "postgres",
                "--auth=scram-sha-256",
                "--no-sync",
                "-E",
                "UTF8",
            ])
            .arg("--pwfile")
            .arg(word));
        let base = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\n";
        let path = server.data().join("postgresql.conf");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}\n{base}{settings}\n")).unwrap();
        if settings.contains("ssl = on") {
            server.certify();
        }
        server.restart();
        server
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://127.0.0.1:{}/postgres", self.port)
    }

    /// Ends all its processes at once, as a machine that loses its power would.
    pub(crate) fn kill(&self) {
        // The first line of the file is the number of the process that the others are children of; they end without it.
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let pid = text.lines().next().unwrap().to_owned();
        let children = Command::new("pgrep").args(["-P", &pid]).output().unwrap().stdout;
        let children = String::from_utf8(children).unwrap();
        let mut all = vec![pid.as_str()];
        all.extend(children.lines());
        // One may have ended by itself meanwhile.
        let _ = Command::new("kill")
            .arg("-KILL")
            .args(&all)
            .stderr(Stdio::null())
            .status();
        while all.iter().any(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
        }) {
            thread::sleep(Duration::from_millis(20));
        }
        // Where nobody collects dead processes, the number in it still seems to be one.
        std::fs::remove_file(self.data().join("postmaster.pid")).unwrap();
    }

    /// Starts it with what it has on disk.
    pub(crate) fn restart(&self) {
        // A lock of one that was killed is passed over once its process is gone.
        let log = self.folder.path().join("log");
        let started = program("pg_ctl")
            .args(["start", "-w", "-s", "-t", "60", "-o"])
            .arg(format!("-p {}", self.port))
            .arg("-l")
            .arg(&log)
            .arg("-D")
            .arg(self.data())
            .stdout(Stdio::null())
            .status();
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        assert!(started.unwrap().success(), "{}", said());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = program("pg_ctl")
            .args(["stop", "-s", "-m", "immediate", "-D"])
            .arg(self.data())
            .stderr(Stdio::null())
            .status();
    }
}

/// One of Postgres's programs, by a user that it accepts.
fn program(name: &str) -> Command {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok())
        .max();
    let path = match newest {
        Some(version) => format!("/usr/lib/postgresql/{version}/bin/{name}"),
        None => name.to_owned(),
    };
    user(path)
}

/// A program, run by a user that Postgres accepts.
fn user(path: String) -> Command {
    let mut command = if as_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(path);
        command
    } else {
        Command::new(path)
    };
    // Its files are the other user's, and so is where it stands.
    command.current_dir("/");
    command
}

fn as_root() -> bool {
    let said = Command::new("id").arg("-u").output().unwrap();
    said.stdout.starts_with(b"0\n")
}

fn run(command: &mut Command) {
    let status = command
        .stdout(Stdio::null())
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{command:?}");
}
