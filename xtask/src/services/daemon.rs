//! A service that is one process with a folder of its own, on loopback.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::folder;

/// How long a service may take until it answers, on a machine that is busy building.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// How long one may take to end when asked, before it is made to.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How often to look meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// A process that is up. Dropping it stops it, unless it was let run on or was up before.
pub(crate) struct Daemon {
    name: &'static str,
    pid: u32,
    data: PathBuf,
    /// What whoever uses it must know: what was said when it was started.
    address: String,
    child: Option<Child>,
    stays: bool,
}

impl Daemon {
    /// The one that an earlier call left running.
    pub(super) fn recorded(name: &'static str) -> Result<Option<Self>, String> {
        let record = record(name);
        let Ok(text) = fs::read_to_string(&record) else {
            return Ok(None);
        };
        let unreadable = || {
            format!(
                "{}: not what was written there; stop the service by hand and remove it",
                record.display()
            )
        };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|_| unreadable())?;
        let pid = value["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
        match (pid, value["data"].as_str(), value["address"].as_str()) {
            (Some(pid), Some(data), Some(address)) => Ok(Some(Self {
                name,
                pid,
                data: data.into(),
                address: address.into(),
                child: None,
                stays: true,
            })),
            _ => Err(unreadable()),
        }
    }

    /// Starts a process that works in `data`, and waits until it answers as `ready` asks it.
    pub(super) fn start(
        name: &'static str,
        data: PathBuf,
        address: String,
        command: &mut Command,
        ready: impl Fn() -> bool,
    ) -> Result<Self, String> {
        let log = data.join("log");
        let output = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = output
            .try_clone()
            .map_err(|error| format!("{}: {error}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("{name} could not be started: {error}"))?;
        // From here on, whatever fails, the drop clears up.
        let mut daemon = Self {
            name,
            pid: child.id(),
            data,
            address,
            child: Some(child),
            stays: false,
        };
        let start = Instant::now();
        while !ready() {
            let ended = daemon
                .child
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some() || start.elapsed() > START_TIMEOUT {
                let said = fs::read_to_string(&log).unwrap_or_default();
                let tail: Vec<&str> = said.lines().rev().take(20).collect();
                let tail: Vec<&str> = tail.into_iter().rev().collect();
                return Err(format!("{name} does not come up:\n{}", tail.join("\n")));
            }
            sleep(PAUSE);
        }
        daemon.record()?;
        Ok(daemon)
    }

    /// Where it answers.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Lets it run on, until it is stopped by name; answers where.
    pub(crate) fn detach(mut self) -> String {
        self.stays = true;
        self.address.clone()
    }

    /// Stops it if it runs, and removes its data.
    pub(super) fn stop(&mut self) -> Result<(), String> {
        let start = Instant::now();
        let mut signal = "-TERM";
        while self.runs() {
            // Asked through the shell, which has this built in: not every machine has a program for it.
            let kill = format!("kill {signal} {}", self.pid);
            let _ = Command::new("sh").args(["-c", &kill]).status();
            if start.elapsed() > STOP_TIMEOUT {
                signal = "-KILL";
            }
            if start.elapsed() > 2 * STOP_TIMEOUT {
                return Err(format!("{} (process {}) does not end", self.name, self.pid));
            }
            sleep(PAUSE);
        }
        gone(fs::remove_dir_all(&self.data), &self.data)?;
        let record = record(self.name);
        gone(fs::remove_file(&record), &record)
    }

    /// Whether the process is there and is this service: its number may be another's by now.
    fn runs(&mut self) -> bool {
        if let Some(child) = &mut self.child {
            return child.try_wait().is_ok_and(|ended| ended.is_none());
        }
        let words = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let data = self.data.to_string_lossy().into_owned();
        String::from_utf8_lossy(&words).contains(&data)
    }

    fn record(&self) -> Result<(), String> {
        let (folder, record) = (folder(), record(self.name));
        let text = serde_json::json!({"pid": self.pid, "data": self.data, "address": self.address});
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&record, text.to_string()))
            .map_err(|error| format!("{}: {error}", record.display()))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if !self.stays
            && let Err(error) = self.stop()
        {
            eprintln!("{error}");
        }
    }
}

/// Where it is written down that a service is up.
fn record(name: &str) -> PathBuf {
    folder().join(format!("{name}.json"))
}

/// Takes it that something already gone was removed.
pub(super) fn gone(removed: std::io::Result<()>, path: &Path) -> Result<(), String> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{} cannot be removed: {error}", path.display()))
        }
        _ => Ok(()),
    }
}
