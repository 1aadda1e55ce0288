//! An engine of a test's own, which it may kill.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// An engine on a port, with its data.
pub(crate) struct Engine {
    process: Child,
    port: u16,
    folder: TempDir,
    /// Whether the folder is a disk of its own.
    mounted: bool,
}

impl Engine {
    /// Starts one, and waits until it listens.
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    fn start_in(folder: TempDir) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut engine = Self {
            process: spawn(port, &folder),
            mounted: false,
            port,
            folder,
        };
        engine.wait();
        engine
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts one on a disk of so many MiB; none where mounting one needs more rights than there are.
    pub(crate) fn on_small_disk(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], folder.path());
        mounted.then(|| {
            let mut engine = Self::start_in(folder);
            engine.mounted = true;
            engine
        })
    }

    /// Gives its disk room.
    pub(crate) fn make_room(&self) {
        assert!(mount(&["-o", "remount,size=1g"], self.folder.path()));
    }

    /// Kills it, as a machine that loses its power would.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again with what it had on disk.
    pub(crate) fn restart(&mut self) {
        self.process = spawn(self.port, &self.folder);
        self.wait();
    }

    fn wait(&mut self) {
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                self.process.try_wait().unwrap().is_none(),
                "the engine did not start"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if self.mounted {
            let _ = Command::new("umount").arg(self.folder.path()).status();
        }
    }
}

fn spawn(port: u16, folder: &TempDir) -> Child {
    let python = std::env::var("TIDEGATE_TEST_CLICKHOUSE_PYTHON").expect("`cargo xtask test` sets it");
    let script =
        PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../scripts/clickhouse_http.py");
    let (_, user, password) = crate::support::engine();
    Command::new(python)
        .arg(script)
        .arg(folder.path().join("engine"))
        .args([&port.to_string(), &user, &password])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn mount(arguments: &[&str], folder: &Path) -> bool {
    let mounted = Command::new("mount")
        .args(arguments)
        .arg(folder)
        .stderr(Stdio::null())
        .status();
    mounted.is_ok_and(|status| status.success())
}
