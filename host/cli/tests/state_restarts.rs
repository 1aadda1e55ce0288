//! The server of the state crashes and comes back while runs go on: each ends once with the rows of a run that nobody
//! disturbed, and what is due meanwhile is done once.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::Utc;

use support::Project;
use support::postgres_server::PostgresServer;
use support::relay::{Moment, Relay};
use support::runs::{assert_true, queue, shown, wait_for};
use support::server::Server;
use support::ticks::{instant, none_lost_and_none_doubled, runs, schedule, ticks, until};

/// Rows of each asset; a checkpoint comes with each batch, so that each run asks the state all the time.
const ROWS: usize = 40_000;
const BATCH_ROWS: usize = 100;

const ASSETS: [&str; 3] = ["orders", "returns", "visits"];

/// An attempt whose state is lost is made again.
const RETRY: &str = "retry: {max_attempts: 10, backoff: constant, first_delay: 100ms}";

/// Commits between the beginning of the runs and a crash.
const COMMITS: usize = 20;

fn project() -> Project {
    let project = Project::small();
    project.write(
        "schemas/project.yaml",
        format!("apiVersion: tidegate/v1\nkind: Project\nname: trial\nbatch_rows: {BATCH_ROWS}\n"),
    );
    let rows: String = (0..ROWS).map(|row| format!("{row}\n")).collect();
    project.write("in/rows.csv", format!("id\n{rows}"));
    for asset in ASSETS {
        project.asset(
            asset,
            &format!(
                "source: {{resource: raw, path: rows.csv}}\n\
                 columns: [{{name: id, type: int64}}]\n\
                 destination: {{resource: lake, load: append}}\n\
                 checkpoint: {{every_rows: {BATCH_ROWS}}}\n\
                 {RETRY}"
            ),
        );
    }
    project.asset(
        "small",
        &format!(
            "source: {{resource: raw, path: small.csv}}\n\
             columns: [{{name: id, type: int64}}]\n\
             destination: {{resource: lake, load: replace}}\n\
             {RETRY}"
        ),
    );
    schedule(
        &project,
        "often",
        "every: 1s\nselect: small\noverlap: allow_all\nenabled: true",
    );
    project
}

#[test]
fn runs_and_ticks_outlive_a_crash_of_the_states_server() {
    let state = Arc::new(PostgresServer::start());
    let relay = Relay::to(&state.url());
    let project = project().with("TIDEGATE_STATE", &state.url());
    project.tidegate(&["runs", "list"]).succeeded();
    let mut command = project.command(&["serve"]);
    command.env("TIDEGATE_STATE", relay.address(&state.url()));
    let server = Server(command.spawn().unwrap());
    let queued = ASSETS.map(|asset| queue(&project, &[asset]));
    let state_of = |run: &str| shown(&project, run)["run"]["state"].as_str().unwrap().to_owned();
    // In the middle of a transaction: one that is lost, and one that is kept and not heard of.
    for moment in [Moment::Before, Moment::After] {
        until("all of them go on", || {
            queued.iter().all(|run| state_of(run) == "running").then_some(())
        });
        let (server, back) = (state.clone(), Arc::new(AtomicBool::new(false)));
        let told = back.clone();
        relay.at_commit(COMMITS, moment, move || {
            server.crash_and_restart();
            told.store(true, Ordering::SeqCst);
        });
        until("the server is back", || back.load(Ordering::SeqCst).then_some(()));
        let still = queued.iter().filter(|run| state_of(run) != "succeeded").count();
        assert!(still > 0, "nothing went on when the server crashed");
    }
    let back = Utc::now();
    for (asset, run) in ASSETS.iter().zip(&queued) {
        assert_true(&wait_for(&project, run, &["succeeded", "failed", "cancelled"]));
        let mut rows: Vec<usize> = project
            .lines(asset)
            .iter()
            .map(|row| row.parse().unwrap())
            .collect();
        rows.sort_unstable();
        assert!(
            rows.iter().copied().eq(0..ROWS),
            "{asset} has {} rows",
            rows.len()
        );
        project.assert_tidy(asset);
    }
    // It leads on, and takes runs on.
    until("it ticks on", || {
        let last = ticks(&project, "often").pop()?;
        (instant(&last) > back).then_some(())
    });
    project.tidegate(&["schedule", "stop", "often"]).succeeded();
    until("what it launched ends", || {
        let mut runs = runs(&project, "often").into_iter();
        runs.all(|run| run["finished_at"].is_string()).then_some(())
    });
    server.stop();
    none_lost_and_none_doubled(&project, "often");
    let launched = runs(&project, "often");
    let launched = launched.iter().map(|run| run["id"].as_str().unwrap());
    let broken = launched.chain(queued.iter().map(String::as_str)).filter(|run| {
        let shown = shown(&project, run);
        assert_true(&shown);
        let attempts = shown["partitions"][0]["attempts"].as_array().unwrap();
        attempts.len() > 1 || shown["run"]["recoveries"] != 0
    });
    assert!(broken.count() > 0, "nobody felt the crashes");
    assert_eq!(project.lines("small"), ["1", "2"]);
}
