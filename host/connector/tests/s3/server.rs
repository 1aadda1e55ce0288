//! A server of a test's own, which it may kill.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{ACCESS_KEY, BUCKET, Lake, SECRET_KEY};

/// Its parts, each of which listens on a port; the last is where it is asked.
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

/// How often it is started anew where a port was taken.
const START_TRIES: u32 = 4;

/// A server on ports of its own, with its data.
pub(crate) struct Server {
    ports: [u16; 8],
    folder: TempDir,
    /// The process that runs, if one does.
    process: Mutex<Option<Child>>,
}

impl Server {
    /// Starts one with the bucket of the tests, and waits until it can be written to.
    pub(crate) async fn start() -> Self {
        for _ in 1..START_TRIES {
            let server = Self::new();
            if server.spawn() {
                server.make_bucket().await;
                return server;
            }
        }
        panic!("the server did not start");
    }

    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let users = format!(
            r#"{{"identities": [{{"name": "tests", "actions": ["Admin"],
                "credentials": [{{"accessKey": "{ACCESS_KEY}", "secretKey": "{SECRET_KEY}"}}]}}]}}"#
        );
        std::fs::write(folder.path().join("users.json"), users).unwrap();
        // All are held until all are known: else one could be given twice.
        let held = PORTS.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        Self {
            ports: held.map(|listener| listener.local_addr().unwrap().port()),
            folder,
            process: Mutex::new(None),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[7])
    }

    /// Kills it, as a machine that loses its power would. One that is dead stays so.
    pub(crate) fn kill(&self) {
        if let Some(mut process) = self.process.lock().unwrap().take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.process.lock().unwrap().is_none()
    }

    /// Starts it with what it has on disk, and waits until it can be written to.
    pub(crate) async fn restart(&self) {
        assert!(self.spawn(), "the server did not start again");
        self.wait_for_writes().await;
    }

    /// Starts the process and waits until it answers; `false` where it ended instead.
    fn spawn(&self) -> bool {
        let program = std::env::var("TIDEGATE_TEST_S3_PROGRAM").expect("`cargo xtask test` sets it");
        let folder = self.folder.path();
        let mut command = Command::new(program);
        command
            .arg("server")
            .arg(format!("-dir={}", folder.display()))
            .arg(format!("-s3.config={}", folder.join("users.json").display()))
            .args(["-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
            .args(["-volume.max=50", "-master.volumeSizeLimitMB=64"])
            .args(["-master.electionTimeout=1s", "-master.telemetry=false"])
            .args([
                "-volume.minFreeSpace=64MiB",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
            ])
            .args(
                PORTS
                    .iter()
                    .zip(self.ports)
                    .map(|(name, port)| format!("{name}={port}")),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        while !self.answers() {
            if process.try_wait().unwrap().is_some() {
                return false;
            }
            thread::sleep(Duration::from_millis(50));
        }
        *self.process.lock().unwrap() = Some(process);
        true
    }

    /// Whether it refuses what nobody signed: before its parts have found one another it answers another error.
    fn answers(&self) -> bool {
        let asked = TcpStream::connect(("127.0.0.1", self.ports[7])).and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            let mut status = [0; 12];
            stream.read_exact(&mut status)?;
            Ok(status)
        });
        asked.is_ok_and(|status| status.ends_with(b" 403"))
    }

    async fn make_bucket(&self) {
        let client = Lake::at(&self.url()).client;
        while client.create_bucket().bucket(BUCKET).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.wait_for_writes().await;
    }

    /// It answers before those of its parts that hold the bytes have found each other again.
    async fn wait_for_writes(&self) {
        let lake = Lake::at(&self.url());
        let put = || async {
            let request = lake.client.put_object().bucket(BUCKET).key(lake.key("ready"));
            request.body(b"ready".to_vec().into()).send().await
        };
        while put().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        // What it leaves beside its folder when it is killed.
        for port in self.ports {
            let _ = std::fs::remove_file(format!("/tmp/seaweedfs-s3-grpc-{port}.sock"));
        }
    }
}
