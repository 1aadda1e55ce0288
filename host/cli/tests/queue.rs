//! `tidegate serve`: runs of the queue are carried out once, whoever is killed, paused or told to stop meanwhile.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::process::Signal;
use support::database::{database, sql};
use support::relay::Relay;
use support::runs::{assert_true, queue, shown, wait_for};
use support::server::Server;
use support::{Project, flights_schema, repository};

/// A project with a small asset, `small`, and half a year of flights with a checkpoint every 5,000 rows.
fn project() -> Project {
    let project = Project::small();
    project.resource("example", &format!("{}/schemas/data", repository()));
    let text = flights_schema()
        .replace("flights/{partition}.csv.gz", "\"flights/2013-0[1-6].csv.gz\"")
        .replace("resource: raw", "resource: example")
        .replace("load: replace_partition", "load: replace");
    let (text, _) = text.split_once("\npartitions:").unwrap();
    project.write(
        "schemas/assets/flights.yaml",
        format!("{text}\ncheckpoint: {{every_rows: 5000}}\n"),
    );
    project
}

fn with_limits(project: &Project, limits: &str) {
    project.write(
        "schemas/project.yaml",
        format!(
            "apiVersion: tidegate/v1\nkind: Project\nname: trial\nplugins: [{}/plugins/dist]\nconcurrency: {limits}\n",
            repository()
        ),
    );
}

#[test]
fn queued_runs_are_carried_out_by_priority_and_a_key_makes_one() {
    let project = project();
    with_limits(&project, "{runs: 1}");
    let late = queue(&project, &["small"]);
    let first = queue(&project, &["small", "--priority", "9", "--tag", "team=sales"]);
    let keyed = queue(&project, &["small", "--run-key", "once"]);
    assert_eq!(queue(&project, &["small", "--run-key", "once"]), keyed);
    let runs = project.json(&["runs", "list", "--state", "queued"]);
    assert_eq!(runs.as_array().unwrap().len(), 3);
    let server = Server::start(&project, &[]);
    for run in [&late, &first, &keyed] {
        assert_true(&wait_for(&project, run, &["succeeded"]));
    }
    server.stop();
    let started = |run: &str| {
        shown(&project, run)["run"]["started_at"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(started(&first) < started(&late) && started(&late) < started(&keyed));
    let tagged = project.json(&["runs", "list", "--tag", "team=sales"]);
    assert_eq!(tagged.as_array().unwrap().len(), 1);
    project.tidegate(&["runs", "wait", &first]).succeeded();
}

#[test]
fn attempts_that_share_a_pool_do_not_overlap() {
    let project = project();
    with_limits(&project, "{pools: {narrow: 1}}");
    let rows: String = (0..200_000).map(|row| format!("{row}\n")).collect();
    for name in ["one", "two", "three"] {
        project.write(&format!("in/{name}.csv"), format!("id\n{rows}"));
        project.asset(
            name,
            &format!(
                "source: {{resource: raw, path: {name}.csv}}\npools: [narrow]\n\
                 columns: [{{name: id, type: int64}}]\ndestination: {{resource: lake, load: replace}}"
            ),
        );
    }
    project
        .tidegate(&["run", "one", "two", "three", "small", "--jobs", "4"])
        .succeeded();
    let shown = shown(&project, "latest");
    assert_true(&shown);
    let mut times: Vec<(String, String)> = shown["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|partition| partition["asset"] != "small")
        .map(|partition| {
            let attempt = &partition["attempts"][0];
            let at = |key: &str| attempt[key].as_str().unwrap().to_owned();
            (at("started_at"), at("finished_at"))
        })
        .collect();
    times.sort();
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{times:?}");
}

#[test]
fn an_attempt_is_made_again_as_the_schema_says() {
    let project = project();
    project.asset(
        "late",
        "source: {resource: raw, path: late.csv}\n\
         retry: {max_attempts: 20, on: any, backoff: constant, first_delay: 300ms}\n\
         columns: [{name: id, type: int64}]\n\
         destination: {resource: lake, load: replace}",
    );
    project.write("in/late.csv", "id\nnot a number\n");
    let server = Server::start(&project, &[]);
    let run = queue(&project, &["late"]);
    let started = Instant::now();
    loop {
        let shown = shown(&project, &run);
        let attempts = shown["partitions"][0]["attempts"].as_array().unwrap();
        if attempts
            .iter()
            .filter(|attempt| attempt["state"] == "failed")
            .count()
            >= 2
        {
            break;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "{shown:#}");
        std::thread::sleep(Duration::from_millis(20));
    }
    project.write("in/late.csv", "id\n7\n");
    let shown = wait_for(&project, &run, &["succeeded", "failed"]);
    assert_true(&shown);
    assert!(shown["partitions"][0]["attempts"].as_array().unwrap().len() >= 3);
    assert_eq!(project.lines("late"), ["7"]);
    server.stop();
    // What will not pass is not tried again, unless the schema says so.
    project.write("in/small.csv", "id\nnot a number\n");
    project.tidegate(&["run", "small"]);
    let shown = project.json(&["runs", "show", "latest"]);
    assert_eq!(shown["run"]["state"], "failed");
    assert_eq!(shown["partitions"][0]["attempts"].as_array().unwrap().len(), 1);
}

#[test]
fn an_attempt_that_takes_too_long_is_stopped_and_shows_nothing() {
    let project = project();
    let text = std::fs::read_to_string(project.path("schemas/assets/flights.yaml")).unwrap();
    project.write("schemas/assets/flights.yaml", format!("{text}timeout: 40ms\n"));
    project.tidegate(&["run", "flights"]).failed(6, "attempt.timeout");
    assert!(!project.is_loaded("flights"));
    assert_eq!(project.last_state(), "failed");
    // What it had made durable is not lost.
    project.write("schemas/assets/flights.yaml", text);
    project.tidegate(&["runs", "retry"]).succeeded();
    assert!(project.rows("flights").unwrap().num_rows() > 150_000);
}

#[test]
fn a_run_is_cancelled_wherever_it_stands() {
    let project = project();
    let waiting = queue(&project, &["small"]);
    project.tidegate(&["runs", "cancel", &waiting]).succeeded();
    let cancelled = shown(&project, &waiting);
    assert_eq!(cancelled["run"]["state"], "cancelled");
    assert_eq!(cancelled["partitions"][0]["state"], "skipped");

    let mut server = Server::start(&project, &[]);
    let run = queue(&project, &["flights"]);
    assert!(project.staged("flights", 2, &mut server.0));
    project.tidegate(&["runs", "cancel", &run]).succeeded();
    project.tidegate(&["runs", "cancel", &run]).succeeded();
    let stopped = wait_for(&project, &run, &["cancelled", "succeeded"]);
    assert_eq!(stopped["run"]["state"], "cancelled");
    assert!(!project.is_loaded("flights"));
    assert_eq!(project.tidegate(&["runs", "wait", &run]).code, Some(130));
    // It goes on from its checkpoint.
    project.tidegate(&["runs", "retry", &run, "--queue"]).succeeded();
    let shown = wait_for(&project, &run, &["succeeded", "failed"]);
    assert_true(&shown);
    let resumed = shown["events"].as_array().unwrap().iter();
    assert_eq!(resumed.filter(|event| event["kind"] == "resumed").count(), 1);
    project
        .tidegate(&["runs", "cancel", &run])
        .failed(2, "run.not_cancellable");
    server.stop();
}

#[test]
fn a_server_that_is_told_to_stop_hands_its_runs_over() {
    let project = project();
    let mut server = Server::start(&project, &[]);
    let run = queue(&project, &["flights"]);
    assert!(project.staged("flights", 2, &mut server.0));
    server.stop();
    let handed = shown(&project, &run);
    assert_eq!(handed["run"]["state"], "queued", "{handed:#}");
    assert_eq!(handed["run"]["recoveries"], 0);
    assert!(!project.is_loaded("flights"));
    let server = Server::start(&project, &[]);
    let shown = wait_for(&project, &run, &["succeeded", "failed"]);
    assert_true(&shown);
    assert_eq!(shown["partitions"][0]["attempts"].as_array().unwrap().len(), 2);
    server.stop();
}

/// Kills whoever serves at random moments while runs are carried out, and starts it again.
fn killed_again_and_again(project: &Project, servers: usize, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    project.tidegate(&["check"]).succeeded();
    let mut runs: Vec<String> = (0..12).map(|_| queue(project, &["small"])).collect();
    runs.push(queue(project, &["flights", "--priority", "1"]));
    let mut serving: Vec<Server> = (0..servers)
        .map(|_| Server::start(project, &["--runs", "2"]))
        .collect();
    for round in 0..8 {
        std::thread::sleep(Duration::from_millis(random.random_range(150..900)));
        let index = round % servers;
        serving.swap_remove(index).kill();
        serving.push(Server::start(project, &["--runs", "2"]));
        runs.push(queue(project, &["small"]));
    }
    for run in &runs {
        let mut shown = wait_for(project, run, &["succeeded", "failed"]);
        // A run whose workers were killed more often than it is queued again says so, and is taken up by hand.
        if shown["run"]["state"] == "failed" {
            assert_eq!(shown["run"]["error"]["code"], "run.lost", "{shown:#}");
            project.tidegate(&["runs", "retry", run, "--queue"]).succeeded();
            shown = wait_for(project, run, &["succeeded", "failed"]);
        }
        assert_true(&shown);
    }
    for server in serving {
        server.stop();
    }
    assert_eq!(project.lines("small"), ["1", "2"]);
    assert!(project.rows("flights").unwrap().num_rows() > 150_000);
    project.assert_tidy("flights");
    project.assert_tidy("small");
    let all = project.json(&["runs", "list", "--limit", "1000"]);
    assert_eq!(all.as_array().unwrap().len(), runs.len());
}

#[test]
fn no_run_is_lost_or_doubled_where_the_server_is_killed_at_any_moment() {
    killed_again_and_again(&project(), 1, 11);
}

#[test]
fn no_run_is_lost_or_doubled_where_one_of_two_servers_on_postgres_is_killed() {
    let schema = format!("queue_{}", std::process::id());
    let project = project().with("TIDEGATE_STATE", &database(&schema));
    killed_again_and_again(&project, 2, 12);
    sql(&format!("DROP SCHEMA {schema} CASCADE"));
}

#[test]
fn no_run_is_stuck_where_the_state_was_out_of_reach() {
    let schema = format!("outage_{}", std::process::id());
    let direct = database(&schema);
    let relay = Relay::to(&direct);
    let project = project().with("TIDEGATE_STATE", &direct);
    project.tidegate(&["check"]).succeeded();
    let mut command = project.command(&["serve"]);
    command.env("TIDEGATE_STATE", relay.address(&direct));
    let mut server = Server(command.spawn().unwrap());
    let run = queue(&project, &["flights"]);
    assert!(project.staged("flights", 1, &mut server.0));
    relay.cut();
    // A connection is waited for ten seconds: neither the attempt's end can be told nor the run's.
    std::thread::sleep(Duration::from_secs(25));
    assert_eq!(shown(&project, &run)["run"]["state"], "running");
    relay.mend();
    let next = queue(&project, &["small"]);
    let taken = wait_for(&project, &run, &["succeeded", "failed"]);
    assert_true(&taken);
    assert_eq!(taken["run"]["recoveries"], 1);
    assert_true(&wait_for(&project, &next, &["succeeded", "failed"]));
    server.stop();
    assert!(project.rows("flights").unwrap().num_rows() > 150_000);
    project.assert_tidy("flights");
    sql(&format!("DROP SCHEMA {schema} CASCADE"));
}

#[test]
fn runs_wait_for_each_other_where_all_connections_to_the_state_are_in_use() {
    let schema = format!("few_{}", std::process::id());
    let project = project().with("TIDEGATE_STATE", &database(&schema));
    // Five times as many at once as a process has connections.
    let runs: Vec<String> = (0..40).map(|_| queue(&project, &["small"])).collect();
    let server = Server::start(&project, &["--runs", "40"]);
    for run in &runs {
        assert_true(&wait_for(&project, run, &["succeeded", "failed"]));
    }
    server.stop();
    sql(&format!("DROP SCHEMA {schema} CASCADE"));
}

#[test]
fn a_paused_server_is_replaced_and_harms_nothing_when_it_wakes() {
    let project = project();
    project.tidegate(&["check"]).succeeded();
    let mut paused = Server::start(&project, &[]);
    let run = queue(&project, &["flights"]);
    assert!(project.staged("flights", 2, &mut paused.0));
    paused.tell(Signal::STOP);
    // A process that is halted within a transaction of SQLite keeps everyone out until it wakes: that is no case of this.
    let write = ["run", "small", "--queue", "--run-key", "probe"];
    while project.tidegate(&write).code != Some(0) {
        paused.tell(Signal::CONT);
        std::thread::sleep(Duration::from_millis(5));
        paused.tell(Signal::STOP);
    }
    let other = Server::start(&project, &[]);
    // Its worker is silent for its lease; then the run is the other's, but the attempt's own lease holds still.
    let taken = wait_for(&project, &run, &["succeeded", "failed"]);
    assert_true(&taken);
    assert_eq!(taken["run"]["recoveries"], 1);
    paused.tell(Signal::CONT);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(shown(&project, &run), taken);
    // It has found out that it was given up, and takes runs again.
    other.stop();
    let next = queue(&project, &["small"]);
    assert_true(&wait_for(&project, &next, &["succeeded", "failed"]));
    paused.stop();
    assert!(project.rows("flights").unwrap().num_rows() > 150_000);
    project.assert_tidy("flights");
}
