//! Schedules: no tick is lost and none is doubled, whoever is killed or paused; what becomes of a tick while a run goes on.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::process::Signal;
use serde_json::Value;

use support::Project;
use support::server::Server;
use support::ticks::{instant, none_lost_and_none_doubled, of_outcome, runs, schedule, ticks, until};

#[test]
fn leaders_that_are_killed_lose_and_double_no_tick() {
    let project = Project::small();
    schedule(
        &project,
        "often",
        "every: 1s\nselect: small\noverlap: allow_all\nenabled: true",
    );
    let mut random = StdRng::seed_from_u64(6);
    let daemon = || Server::start(&project, &["--roles", "daemon"]);
    let mut servers = vec![daemon(), daemon()];
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(random.random_range(50..1_500)));
        // Either may lead.
        servers.remove(random.random_range(0..2)).kill();
        if random.random_bool(0.3) {
            servers.remove(0).kill();
            std::thread::sleep(Duration::from_millis(random.random_range(0..2_000)));
            servers.push(daemon());
        }
        servers.push(daemon());
    }
    let last = Utc::now();
    until("the ticks until now are made up for", || {
        let ticks = ticks(&project, "often");
        ticks.last().filter(|tick| instant(tick) > last).cloned()
    });
    servers.into_iter().for_each(Server::kill);
    assert!(none_lost_and_none_doubled(&project, "often") >= 15);
}

#[test]
fn a_leader_that_was_paused_for_longer_than_its_lease_doubles_nothing() {
    let project = Project::small();
    schedule(
        &project,
        "often",
        "every: 1s\nselect: small\noverlap: allow_all\nenabled: true",
    );
    let first = Server::start(&project, &["--roles", "daemon"]);
    until("it ticks", || {
        (!ticks(&project, "often").is_empty()).then_some(())
    });
    let second = Server::start(&project, &["--roles", "daemon"]);
    first.tell(Signal::STOP);
    let paused = Utc::now();
    until("another one leads", || {
        let ticks = ticks(&project, "often");
        ticks
            .last()
            .filter(|tick| instant(tick) > paused + TimeDelta::seconds(2))
            .cloned()
    });
    first.tell(Signal::CONT);
    let back = Utc::now();
    until("ticks go on", || {
        let ticks = ticks(&project, "often");
        ticks
            .last()
            .filter(|tick| instant(tick) > back + TimeDelta::seconds(2))
            .cloned()
    });
    first.kill();
    second.kill();
    none_lost_and_none_doubled(&project, "often");
}

#[test]
fn ticks_meet_runs_that_go_on_as_their_policy_says() {
    let project = Project::small();
    let policies = ["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all"];
    for overlap in policies {
        schedule(
            &project,
            overlap,
            &format!("every: 1s\nselect: small\noverlap: {overlap}\nenabled: true"),
        );
    }
    // Nobody takes the runs: they go on for as long as this.
    let daemon = Server::start(&project, &["--roles", "daemon"]);
    until("each ticks four times", || {
        policies
            .iter()
            .all(|name| ticks(&project, name).len() >= 4)
            .then_some(())
    });
    for name in policies {
        project.tidegate(&["schedule", "stop", name, "--json"]);
    }
    daemon.stop();
    let count = |name: &str, outcome: &str| of_outcome(&ticks(&project, name), outcome);
    assert_eq!(count("skip", "launched"), 1);
    assert!(count("skip", "skipped") >= 3);
    assert_eq!(runs(&project, "skip").len(), 1);
    // What waited was skipped when the schedule was stopped.
    assert_eq!(count("buffer_one", "launched"), 1);
    assert_eq!(count("buffer_all", "launched"), 1);
    let cancelled = runs(&project, "cancel_other");
    assert_eq!(cancelled.len(), count("cancel_other", "launched"));
    assert_eq!(cancelled[0]["state"], "queued");
    assert!(cancelled.len() >= 4);
    assert!(cancelled[1..].iter().all(|run| run["state"] == "cancelled"));
    let beside = runs(&project, "allow_all");
    assert!(beside.len() >= 4 && beside.iter().all(|run| run["state"] == "queued"));
    assert_eq!(beside.len(), count("allow_all", "launched"));
}

#[test]
fn ticks_that_wait_are_launched_one_after_the_other() {
    let project = Project::small();
    for overlap in ["buffer_one", "buffer_all"] {
        schedule(
            &project,
            overlap,
            &format!("every: 1s\nselect: small\noverlap: {overlap}\nenabled: true"),
        );
    }
    let daemon = Server::start(&project, &["--roles", "daemon"]);
    until("three wait", || {
        (of_outcome(&ticks(&project, "buffer_all"), "buffered") >= 3).then_some(())
    });
    daemon.stop();
    let one = ticks(&project, "buffer_one");
    assert_eq!(of_outcome(&one, "launched"), 1);
    assert_eq!(of_outcome(&one, "buffered"), 1);
    assert!(of_outcome(&one, "skipped") >= 1);
    let waited: Vec<i64> = ticks(&project, "buffer_all")
        .iter()
        .filter(|tick| tick["outcome"] == "buffered")
        .map(|tick| tick["sequence"].as_i64().unwrap())
        .collect();
    let server = Server::start(&project, &[]);
    let launched = until("those that waited are launched", || {
        let ticks = ticks(&project, "buffer_all");
        let mine: Vec<Value> = ticks
            .into_iter()
            .filter(|tick| waited.contains(&tick["sequence"].as_i64().unwrap()))
            .collect();
        (of_outcome(&mine, "launched") == waited.len()).then_some(mine)
    });
    server.stop();
    // The later one began when the earlier one had ended.
    let shown: Vec<Value> = launched
        .iter()
        .map(|tick| project.json(&["runs", "show", tick["runs"][0].as_str().unwrap()])["run"].clone())
        .collect();
    for pair in shown.windows(2) {
        let ended: DateTime<Utc> = pair[0]["finished_at"].as_str().unwrap().parse().unwrap();
        let made: DateTime<Utc> = pair[1]["created_at"].as_str().unwrap().parse().unwrap();
        assert!(ended <= made, "{pair:#?}");
    }
}

#[test]
fn ticks_that_are_too_old_are_told_as_missed() {
    let project = Project::small();
    schedule(
        &project,
        "often",
        "every: 1s\nselect: small\noverlap: allow_all\ncatch_up: 1s\nenabled: true",
    );
    let daemon = Server::start(&project, &["--roles", "daemon"]);
    until("it ticks", || {
        (!ticks(&project, "often").is_empty()).then_some(())
    });
    daemon.kill();
    std::thread::sleep(Duration::from_secs(5));
    let daemon = Server::start(&project, &["--roles", "daemon"]);
    let missed = until("ticks are missed", || {
        let ticks = ticks(&project, "often");
        let found = ticks.iter().find(|tick| tick["outcome"] == "missed").cloned();
        found.filter(|_| ticks.last().unwrap()["outcome"] == "launched")
    });
    daemon.stop();
    let reason = missed["reason"].as_str().unwrap();
    assert!(reason.starts_with("nobody led for "), "{reason}");
    assert_eq!(missed["runs"], serde_json::json!([]));
}

#[test]
fn a_schedule_is_off_until_it_is_started_and_stops_by_itself_when_told_so() {
    let project = Project::small();
    project.asset(
        "broken",
        "source: {resource: raw, path: nothing.csv}\n\
         columns: [{name: id, type: int64}]\n\
         destination: {resource: lake, load: replace}",
    );
    schedule(
        &project,
        "careful",
        "every: 1s\nselect: broken\npause_on_failure: true",
    );
    let standing = || project.json(&["schedule", "list"])[0]["standing"].clone();
    let server = Server::start(&project, &[]);
    assert_eq!(standing()["state"], "stopped");
    project.tidegate(&["schedule", "start", "careful"]).succeeded();
    let paused = until("it pauses", || {
        Some(standing()).filter(|it| it["state"] == "paused")
    });
    let why = paused["why"].as_str().unwrap();
    let failed = runs(&project, "careful");
    let newest = failed.iter().find(|run| run["state"] == "failed").unwrap();
    assert!(why.contains(newest["id"].as_str().unwrap()), "{why}");
    let before = ticks(&project, "careful").len();
    // It goes on when it is started again, and stops again.
    project.write("in/nothing.csv", "id\n1\n");
    project.tidegate(&["schedule", "start", "careful"]).succeeded();
    until("it goes on", || {
        let runs = runs(&project, "careful");
        runs.iter().any(|run| run["state"] == "succeeded").then_some(())
    });
    assert!(ticks(&project, "careful").len() > before);
    project.tidegate(&["schedule", "stop", "careful"]).succeeded();
    server.stop();
    // By hand, for good: also in another process.
    assert_eq!(standing()["state"], "stopped");
    assert_eq!(standing()["by_hand"], true);
    project.tidegate(&["schedule", "wipe", "careful"]).succeeded();
    assert_eq!(standing()["by_hand"], false);
    assert!(ticks(&project, "careful").is_empty());
}

#[test]
fn a_preview_shows_the_slice_that_had_ended_at_the_tick() {
    let project = Project::small();
    project.asset(
        "days",
        "source: {resource: raw, path: \"days/{partition}.csv\"}\n\
         columns: [{name: id, type: int64}]\n\
         partitions: {daily: {start: 2024-01-01}}\n\
         destination: {resource: lake, load: replace_partition}",
    );
    project.write(
        "schemas/jobs/both.yaml",
        "apiVersion: tidegate/v1\nkind: Job\nname: both\nselect: [days, small]\npriority: 3\n",
    );
    schedule(
        &project,
        "daily",
        "cron: \"0 6 * * *\"\njob: both\ntags: {team: sales}",
    );
    let at = ["schedule", "preview", "daily", "--at", "2024-02-01T06:00:00Z"];
    let run = &project.json(&at)["runs"][0];
    assert_eq!(run["run_key"], "schedule:daily:2024-02-01T06:00:00Z");
    assert_eq!((&run["job"], &run["priority"]), (&"both".into(), &3.into()));
    assert_eq!(run["tags"]["team"], "sales");
    let slices: Vec<(&str, &str)> = run["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["asset"].as_str().unwrap(), it["partition"].as_str().unwrap()))
        .collect();
    assert_eq!(slices, [("days", "2024-01-31"), ("small", "")]);
    let none = ["schedule", "preview", "daily", "--at", "2024-01-01T06:00:00Z"];
    let before = &project.json(&none)["runs"][0]["partitions"];
    assert_eq!(before.as_array().unwrap().len(), 1, "{before}");

    project
        .tidegate(&["schedule", "preview", "dayly"])
        .failed(2, "schedule.unknown");
    project.write("in/days/2024-01-05.csv", "id\n7\n");
    project
        .tidegate(&["job", "launch", "both", "--partition", "2024-01-05"])
        .succeeded();
    assert_eq!(project.lines("days"), ["7"]);
    assert_eq!(project.last_state(), "succeeded");
    let queued = project.json(&["schedule", "trigger", "daily"]);
    assert_eq!(queued["runs"].as_array().unwrap().len(), 1);
    assert_eq!(runs(&project, "daily").len(), 1);
    let by_hand = ticks(&project, "daily");
    assert_eq!(by_hand[0]["runs"], queued["runs"]);
    assert_eq!(by_hand[0]["by_hand"], true);
    let listed = project.tidegate(&["schedule", "ticks", "daily"]).succeeded();
    assert!(listed.stdout.contains("by hand"), "{}", listed.stdout);
    // One that cannot be is told too.
    schedule(&project, "wrong", "every: 1h\nmaintenance: {optimize: [small]}");
    project
        .tidegate(&["schedule", "trigger", "wrong"])
        .failed(3, "schedule.optimize");
    let failed = &ticks(&project, "wrong")[0];
    assert_eq!(failed["outcome"], "failed");
    assert_eq!(failed["error"]["code"], "schedule.optimize");
    let jobs = project.json(&["job", "list"]);
    assert_eq!(jobs[0]["wanted"]["assets"], serde_json::json!(["days", "small"]));
}
