//! A leader that is killed at each commit of a tick, a look and a backfill: before the state has heard of it, and before the
//! leader has heard that it has. No tick is lost or doubled, and no run.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use serde_json::Value;

use support::Project;
use support::doomed::{Doomed, at_each_commit};
use support::relay::Moment;
use support::runs::{assert_true, shown};
use support::server::Server;
use support::ticks::{
    instant, none_lost_and_none_doubled, of_outcome, runs, runs_of, schedule, ticks, ticks_of, until,
};

/// More commits than a leader makes at a tick, with those of the next ones behind it.
const COMMITS: usize = 4;

const DAEMON: [&str; 3] = ["serve", "--roles", "daemon"];

/// A leader of a project with a schedule that is due each second, which has ticked already.
fn leading(name: &str, overlap: &str) -> Doomed {
    let project = Project::small();
    let text = format!("every: 1s\nselect: small\noverlap: {overlap}\nenabled: true");
    schedule(&project, "often", &text);
    let doomed = Doomed::start(name, project, &DAEMON);
    until("it ticks", || {
        (!ticks(&doomed.project, "often").is_empty()).then_some(())
    });
    doomed
}

/// Waits until another leader, of these roles, has ticked.
fn another_ticks(project: &Project, arguments: &[&str]) -> Server {
    let then = Utc::now() + TimeDelta::seconds(1);
    let other = Server::start(project, arguments);
    until("another one ticks", || {
        let last = ticks(project, "often").pop()?;
        (instant(&last) > then).then_some(())
    });
    other
}

/// The runs of the schedule that have not ended.
fn open(project: &Project) -> Vec<Value> {
    let mut runs = runs(project, "often");
    runs.retain(|run| run["state"] == "queued");
    runs
}

/// The name of a case, as a schema's.
fn case(test: &str, number: usize, moment: Moment) -> String {
    format!("{test}_{number}_{moment:?}").to_lowercase()
}

#[test]
fn a_tick_launches_its_run_once_wherever_its_leader_is_killed() {
    let killed = at_each_commit(COMMITS, |number, moment| {
        let doomed = leading(&case("tick", number, moment), "allow_all");
        let project = &doomed.project;
        doomed.kill_at(number, moment);
        let killed = doomed.was_killed_before(|| false);
        let other = another_ticks(project, &[]);
        project.tidegate(&["schedule", "stop", "often"]).succeeded();
        until("its runs end", || open(project).is_empty().then_some(()));
        until("the last of them ends", || {
            let mut runs = runs(project, "often").into_iter();
            runs.all(|run| run["finished_at"].is_string()).then_some(())
        });
        other.stop();
        none_lost_and_none_doubled(project, "often");
        for run in runs(project, "often") {
            assert_true(&shown(project, run["id"].as_str().unwrap()));
        }
        killed
    });
    assert_eq!(killed, 2 * COMMITS);
}

#[test]
fn a_run_is_cancelled_with_the_launch_of_another_or_not_at_all() {
    let killed = at_each_commit(COMMITS, |number, moment| {
        let name = case("cancels", number, moment);
        let doomed = leading(&name, "cancel_other");
        let project = &doomed.project;
        doomed.kill_at(number, moment);
        let killed = doomed.was_killed_before(|| false);
        // Nobody leads: as the commit left it, one run waits in the queue. The server may be at it just now.
        until("one run is left", || (open(project).len() == 1).then_some(()));
        let before = ticks(project, "often");
        assert_eq!(
            open(project)[0]["id"],
            before.last().unwrap()["runs"][0],
            "{name}"
        );
        let other = another_ticks(project, &["--roles", "daemon"]);
        project.tidegate(&["schedule", "stop", "often"]).succeeded();
        other.stop();
        none_lost_and_none_doubled(project, "often");
        let runs = runs(project, "often");
        assert_eq!(runs[0]["state"], "queued");
        assert!(runs[1..].iter().all(|run| run["state"] == "cancelled"), "{name}");
        killed
    });
    assert_eq!(killed, 2 * COMMITS);
}

#[test]
fn a_tick_that_waited_launches_its_run_once_wherever_its_leader_is_killed() {
    let killed = at_each_commit(COMMITS, |number, moment| {
        let name = case("waits", number, moment);
        let doomed = leading(&name, "buffer_all");
        let project = &doomed.project;
        until("a tick waits", || {
            (of_outcome(&ticks(project, "often"), "buffered") > 0).then_some(())
        });
        // The run that is in the way ends, and the tick that waited longest is launched in its place.
        doomed.kill_at(number, moment);
        let first = open(project).pop().unwrap();
        let cancel = ["runs", "cancel", first["id"].as_str().unwrap()];
        project.tidegate(&cancel).succeeded();
        let killed = doomed.was_killed_before(|| false);
        let other = another_ticks(project, &["--roles", "daemon"]);
        until("the next one is launched", || {
            (open(project).len() == 1 && runs(project, "often").len() == 2).then_some(())
        });
        // Killed, for one that is stopped would launch no more, and what waits is to be seen.
        other.kill();
        let ticks = ticks(project, "often");
        for pair in ticks.windows(2) {
            assert_eq!(
                instant(&pair[1]) - instant(&pair[0]),
                TimeDelta::seconds(1),
                "{name}"
            );
        }
        // The oldest two are launched, each with a run of its own; all behind them wait.
        let outcomes: BTreeSet<&str> = ticks[2..]
            .iter()
            .map(|tick| tick["outcome"].as_str().unwrap())
            .collect();
        assert_eq!(of_outcome(&ticks[..2], "launched"), 2, "{name}: {ticks:#?}");
        assert_eq!(outcomes, BTreeSet::from(["buffered"]), "{name}: {ticks:#?}");
        let told: Vec<&Value> = ticks[..2].iter().rev().map(|tick| &tick["runs"][0]).collect();
        let runs = runs(project, "often");
        let there: Vec<&Value> = runs.iter().map(|run| &run["id"]).collect();
        assert_eq!(told, there, "{name}");
        killed
    });
    assert_eq!(killed, 2 * COMMITS);
}

#[test]
fn a_file_that_is_seen_makes_one_run_wherever_its_leader_is_killed() {
    /// Files that are there before the kill; as many come between the kill and the next leader.
    const FILES: usize = 3;
    let killed = at_each_commit(COMMITS, |number, moment| {
        let name = case("looks", number, moment);
        let project = Project::small();
        project.write(
            "schemas/sensors/incoming.yaml",
            "apiVersion: tidegate/v1\nkind: Sensor\nname: incoming\ninterval: 1s\nenabled: true\n\
             files: {resource: raw, path: \"new/*.csv\"}\nselect: small\n",
        );
        let doomed = Doomed::start(&name, project, &DAEMON);
        let project = &doomed.project;
        until("it looks", || {
            (!ticks_of(project, "sensor", "incoming").is_empty()).then_some(())
        });
        let drop = |file: usize| project.write(&format!("in/new/{file}.csv"), "id\n1\n");
        doomed.kill_at(number, moment);
        (0..FILES).for_each(drop);
        let killed = doomed.was_killed_before(|| false);
        (FILES..2 * FILES).for_each(drop);
        let other = Server::start(project, &[]);
        let runs = || runs_of(project, "sensor", "incoming");
        until("each file has a run that has ended", || {
            let runs = runs();
            let ended = runs.iter().filter(|run| run["finished_at"].is_string());
            (ended.count() >= 2 * FILES).then_some(())
        });
        // Some more looks see nothing new.
        let looks = ticks_of(project, "sensor", "incoming").len();
        until("it looks on", || {
            (ticks_of(project, "sensor", "incoming").len() > looks + 1).then_some(())
        });
        other.stop();
        let runs = runs();
        let keys: BTreeSet<&str> = runs.iter().map(|run| run["run_key"].as_str().unwrap()).collect();
        assert_eq!(
            (runs.len(), keys.len()),
            (2 * FILES, 2 * FILES),
            "{name}: {runs:#?}"
        );
        let told: BTreeSet<String> = ticks_of(project, "sensor", "incoming")
            .iter()
            .flat_map(|tick| tick["runs"].as_array().unwrap().clone())
            .map(|run| run.as_str().unwrap().to_owned())
            .collect();
        let there: BTreeSet<String> = runs
            .iter()
            .map(|run| run["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(told, there, "{name}");
        for run in &there {
            assert_true(&shown(project, run));
        }
        killed
    });
    assert_eq!(killed, 2 * COMMITS);
}

/// A project with an asset of daily slices, up to a day.
fn days(end: &str) -> Project {
    let project = Project::new();
    project.write(
        "in/days.csv",
        "at\n2023-01-01T12:00:00Z\n2023-01-02T12:00:00Z\n2023-01-03T12:00:00Z\n",
    );
    project.asset(
        "days",
        &format!(
            "source: {{resource: raw, path: days.csv}}\n\
             columns: [{{name: at, type: \"timestamp(s, UTC)\"}}]\n\
             partitions: {{daily: {{start: 2023-01-01, end: {end}, column: at}}}}\n\
             destination: {{resource: lake, load: append}}"
        ),
    );
    project
}

#[test]
fn a_backfill_loads_each_slice_once_wherever_its_server_is_killed() {
    /// More than three runs one after the other need, with what the leader commits between them.
    const COMMITS: usize = 16;
    let killed = at_each_commit(COMMITS, |number, moment| {
        let name = case("backfill", number, moment);
        let doomed = Doomed::start_to_die(&name, days("2023-01-04"), &["serve"], number, moment);
        let project = &doomed.project;
        let launch = ["backfill", "launch", "days", "--all", "--concurrency", "1"];
        project.tidegate(&launch).succeeded();
        let status = || project.json(&["backfill", "show", "latest"]);
        let succeeded = || status()["by_state"] == serde_json::json!([["succeeded", 3]]);
        let killed = doomed.was_killed_before(succeeded);
        let other = Server::start(project, &[]);
        until("all of it succeeds", || succeeded().then_some(()));
        other.stop();
        let runs = project.json(&["runs", "list", "--limit", "100"]);
        let runs = runs.as_array().unwrap();
        assert_eq!(runs.len(), 3, "{name}: {runs:#?}");
        for run in runs {
            assert_true(&shown(project, run["id"].as_str().unwrap()));
        }
        let mut lines = project.lines("days");
        lines.sort();
        lines.dedup();
        assert_eq!((lines.len(), project.lines("days").len()), (3, 3), "{name}");
        killed
    });
    assert!(killed >= 24, "{killed}");
}

#[test]
fn a_backfill_is_queued_once_wherever_who_launches_it_is_killed() {
    // The runs of three years are three transactions.
    const DAYS: u64 = 1_096;
    const COMMITS: usize = 3;
    let killed = at_each_commit(COMMITS, |number, moment| {
        let name = case("launch", number, moment);
        let launch = ["backfill", "launch", "days", "--all"];
        let doomed = Doomed::start_to_die(&name, days("2026-01-01"), &launch, number, moment);
        let project = &doomed.project;
        let killed = doomed.was_killed_before(|| false);
        let status = || project.json(&["backfill", "show", "latest"]);
        let queued = |status: &Value| {
            let by_state = status["by_state"].as_array().unwrap();
            assert!(by_state.iter().all(|of| of[0] == "queued"), "{name}: {status:#}");
            by_state.iter().map(|of| of[1].as_u64().unwrap()).sum::<u64>()
        };
        let known = match moment {
            Moment::Before => number - 1,
            Moment::After => number,
        };
        let there = DAYS.min(500 * known as u64);
        // The server may be at the commit just now. None may be taken before all are there; who hears of the last one
        // before the signal may have said that they are.
        until("the commit is done", || {
            (queued(&status()) == there).then_some(())
        });
        let before = status();
        assert!(
            before["state"] == "queueing" || there == DAYS,
            "{name}: {before:#}"
        );
        project.tidegate(&["backfill", "resume", "latest"]).succeeded();
        let after = status();
        assert_eq!(after["state"], "open", "{name}: {after:#}");
        assert_eq!(queued(&after), DAYS, "{name}: {after:#}");
        killed
    });
    assert_eq!(killed, 2 * COMMITS);
}
