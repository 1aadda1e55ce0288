//! A worker that is killed at each commit of a run's way to its end: before the state has heard of it, and before the worker
//! has heard that it has.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use support::Project;
use support::database::{database, sql};
use support::relay::{Moment, Relay};
use support::runs::{assert_moves, assert_true, queue, shown, wait_for};
use support::server::Server;

/// More commits than a run of the tests needs to its end, with the beats of worker and leader between them.
const COMMITS: usize = 12;

/// How many servers are killed side by side: each waits for leases most of its time.
const SIDE_BY_SIDE: usize = 12;

/// A server whose commits are counted, and which is killed at one of them.
struct Doomed {
    schema: String,
    project: Project,
    relay: Relay,
    server: Server,
    dead: Arc<AtomicBool>,
}

impl Doomed {
    fn start(name: &str, project: Project) -> Self {
        let schema = format!("{name}_{}", std::process::id());
        let direct = database(&schema);
        let relay = Relay::to(&direct);
        let project = project.with("TIDEGATE_STATE", &direct);
        project.tidegate(&["check"]).succeeded();
        let mut command = project.command(&["serve"]);
        command.env("TIDEGATE_STATE", relay.address(&direct));
        let server = Server(command.spawn().unwrap());
        let dead = Arc::new(AtomicBool::new(false));
        Self {
            schema,
            project,
            relay,
            server,
            dead,
        }
    }

    /// Has it killed at a commit from now on.
    fn kill_at(&self, number: usize, moment: Moment) {
        let (pid, dead) = (Pid::from_child(&self.server.0), self.dead.clone());
        self.relay.at_commit(number, moment, move || {
            kill_process(pid, Signal::KILL).unwrap();
            dead.store(true, Ordering::SeqCst);
        });
    }

    /// Whether it was killed before a run had ended.
    fn was_killed(&self, run: &str) -> bool {
        let started = Instant::now();
        loop {
            if self.dead.load(Ordering::SeqCst) {
                return true;
            }
            let state = shown(&self.project, run)["run"]["state"].clone();
            if ["succeeded", "failed", "cancelled"]
                .iter()
                .any(|end| state == *end)
            {
                // The commit that ends it may be the one.
                return self.dead.load(Ordering::SeqCst);
            }
            assert!(started.elapsed() < Duration::from_mins(1), "{run} is {state}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// How a run ended that another server saw to.
    fn ended(&self, run: &str) -> Value {
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

/// Kills servers at each commit, some side by side; answers how many were killed in time.
fn at_each_commit(attempt: impl Fn(usize, Moment) -> bool + Sync) -> usize {
    let cases: Vec<(usize, Moment)> = (1..=COMMITS)
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

fn small(source: &str, more: &str) -> Project {
    let project = Project::new();
    project.write("in/small.csv", source);
    project.asset(
        "small",
        &format!(
            "source: {{resource: raw, path: small.csv}}\n{more}\
             columns: [{{name: id, type: int64}}]\n\
             destination: {{resource: lake, load: append}}"
        ),
    );
    project
}

#[test]
fn a_run_is_loaded_once_wherever_its_worker_is_killed() {
    let killed = at_each_commit(|number, moment| {
        let name = format!("load_{number}_{moment:?}").to_lowercase();
        let doomed = Doomed::start(&name, small("id\n1\n2\n3\n", "checkpoint: {every_rows: 1}\n"));
        let first = queue(&doomed.project, &["small"]);
        wait_for(&doomed.project, &first, &["succeeded"]);
        doomed.kill_at(number, moment);
        let run = queue(&doomed.project, &["small"]);
        let killed = doomed.was_killed(&run);
        let shown = doomed.ended(&run);
        assert_true(&shown);
        assert_eq!(doomed.project.lines("small").len(), 6, "{name}: {shown:#}");
        doomed.project.assert_tidy("small");
        killed
    });
    // It is taken, begun, its attempt is begun and ended, and it is ended: five, each before and after.
    assert!(killed >= 10, "{killed}");
}

#[test]
fn a_run_fails_once_wherever_its_worker_is_killed() {
    let retry = "retry: {max_attempts: 2, on: any, backoff: constant, first_delay: 10ms}\n";
    let killed = at_each_commit(|number, moment| {
        let name = format!("fail_{number}_{moment:?}").to_lowercase();
        let doomed = Doomed::start(&name, small("id\nnot a number\n", retry));
        let first = queue(&doomed.project, &["small"]);
        wait_for(&doomed.project, &first, &["failed"]);
        doomed.kill_at(number, moment);
        let run = queue(&doomed.project, &["small"]);
        let killed = doomed.was_killed(&run);
        let shown = doomed.ended(&run);
        assert_eq!(shown["run"]["state"], "failed", "{name}: {shown:#}");
        let events = shown["events"].as_array().unwrap();
        let of = |kind: &str| events.iter().filter(|event| event["kind"] == kind).count();
        assert_eq!(of("attempt_started"), of("attempt_failed"), "{name}: {shown:#}");
        assert_eq!(of("materialized"), 0);
        assert!(!doomed.project.is_loaded("small"));
        killed
    });
    assert!(killed >= 12, "{killed}");
}

#[test]
fn a_run_is_cancelled_wherever_its_worker_is_killed() {
    let killed = at_each_commit(|number, moment| {
        let name = format!("cancel_{number}_{moment:?}").to_lowercase();
        let retry = "retry: {max_attempts: 100, on: any, backoff: constant, first_delay: 1h}\n";
        let doomed = Doomed::start(&name, small("id\nnot a number\n", retry));
        let run = queue(&doomed.project, &["small"]);
        let started = Instant::now();
        while shown(&doomed.project, &run)["partitions"][0]["attempts"][0]["state"] != "failed" {
            assert!(started.elapsed() < Duration::from_mins(1));
            thread::sleep(Duration::from_millis(20));
        }
        doomed.kill_at(number, moment);
        doomed.project.tidegate(&["runs", "cancel", &run]).succeeded();
        let killed = doomed.was_killed(&run);
        let shown = doomed.ended(&run);
        assert_eq!(shown["run"]["state"], "cancelled", "{name}: {shown:#}");
        killed
    });
    assert!(killed >= 2, "{killed}");
}
