//! A process that is killed at one of its commits: before the state has heard of it, or before the process has heard that it
//! has.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Project;
use super::database::{database, sql};
use super::relay::{Moment, Relay};
use super::runs::{assert_moves, shown, wait_for};
use super::server::Server;

/// How many processes are killed side by side: each waits for leases most of its time.
const SIDE_BY_SIDE: usize = 12;

/// A process whose commits are counted, and which is killed at one of them. Every other command reaches the state without.
pub(crate) struct Doomed {
    schema: String,
    pub(crate) project: Project,
    relay: Relay,
    server: Server,
    pid: Arc<OnceLock<Pid>>,
    dead: Arc<AtomicBool>,
}

/// Kills a process at a commit; one that is not known yet is waited for.
fn arm(relay: &Relay, number: usize, moment: Moment, pid: &Arc<OnceLock<Pid>>, dead: &Arc<AtomicBool>) {
    let (pid, dead) = (pid.clone(), dead.clone());
    relay.at_commit(number, moment, move || {
        kill_process(*pid.wait(), Signal::KILL).unwrap();
        dead.store(true, Ordering::SeqCst);
    });
}

impl Doomed {
    /// Starts a command over a state of its own, which is there already.
    pub(crate) fn start(name: &str, project: Project, arguments: &[&str]) -> Self {
        Self::begin(name, project, arguments, None)
    }

    /// The same, killed at a commit from its beginning on.
    pub(crate) fn start_to_die(
        name: &str,
        project: Project,
        arguments: &[&str],
        number: usize,
        moment: Moment,
    ) -> Self {
        Self::begin(name, project, arguments, Some((number, moment)))
    }

    fn begin(name: &str, project: Project, arguments: &[&str], end: Option<(usize, Moment)>) -> Self {
        let schema = format!("{name}_{}", std::process::id());
        let direct = database(&schema);
        let relay = Relay::to(&direct);
        let project = project.with("TIDEGATE_STATE", &direct);
        project.tidegate(&["runs", "list"]).succeeded();
        let (pid, dead) = (Arc::new(OnceLock::new()), Arc::new(AtomicBool::new(false)));
        if let Some((number, moment)) = end {
            arm(&relay, number, moment, &pid, &dead);
        }
        let mut command = project.command(arguments);
        command.env("TIDEGATE_STATE", relay.address(&direct));
        let server = Server(command.spawn().unwrap());
        pid.set(Pid::from_child(&server.0)).unwrap();
        Self {
            schema,
            project,
            relay,
            server,
            pid,
            dead,
        }
    }

    /// Has it killed at a commit from now on.
    pub(crate) fn kill_at(&self, number: usize, moment: Moment) {
        arm(&self.relay, number, moment, &self.pid, &self.dead);
    }

    /// Whether it was killed before something was over.
    pub(crate) fn was_killed_before(&self, mut over: impl FnMut() -> bool) -> bool {
        let started = Instant::now();
        loop {
            if self.dead.load(Ordering::SeqCst) {
                return true;
            }
            if over() {
                // The commit that ends it may be the one.
                return self.dead.load(Ordering::SeqCst);
            }
            assert!(started.elapsed() < Duration::from_mins(1), "it is not over");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it was killed before a run had ended.
    pub(crate) fn was_killed(&self, run: &str) -> bool {
        self.was_killed_before(|| {
            let state = shown(&self.project, run)["run"]["state"].clone();
            ["succeeded", "failed", "cancelled"]
                .iter()
                .any(|end| state == *end)
        })
    }

    /// How a run ended that another server saw to.
    pub(crate) fn ended(&self, run: &str) -> Value {
        let _other = Server::start(&self.project, &[]);
        let shown = wait_for(&self.project, run, &["succeeded", "failed", "cancelled"]);
        assert_moves(&shown);
        shown
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let _ = self.server.0.kill();
        sql(&format!("DROP SCHEMA {} CASCADE", self.schema));
    }
}

/// Kills processes at each of the first commits, some side by side; answers how many were killed in time.
pub(crate) fn at_each_commit(commits: usize, attempt: impl Fn(usize, Moment) -> bool + Sync) -> usize {
    let cases: Vec<(usize, Moment)> = (1..=commits)
        .flat_map(|number| [(number, Moment::Before), (number, Moment::After)])
        .collect();
    let (next, killed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some((number, moment)) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    killed.fetch_add(usize::from(attempt(*number, *moment)), Ordering::SeqCst);
                }
            });
        }
    });
    killed.into_inner()
}
