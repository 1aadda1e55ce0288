//! A run that is killed, stopped or interrupted at any moment, and taken up again, ends like one that was not.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use support::database::{database, sql};
use support::{Project, flights_schema, repository};

/// Held by each test: moments are measured, and mean something only where nothing else runs.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an undisturbed run leaves behind.
struct Reference {
    rows: RecordBatch,
    refused: Vec<String>,
    /// The counts of every materialization, in the order of work.
    counts: Vec<Value>,
    took: Duration,
}

/// The `flights` of the example: half a year, in one slice.
fn half_a_year() -> Project {
    let project = Project::new();
    project.resource("raw", &format!("{}/schemas/data", repository()));
    let text = flights_schema()
        .replace("flights/{partition}.csv.gz", "\"flights/2013-0[1-6].csv.gz\"")
        .replace("load: replace_partition", "load: replace");
    let (text, _) = text.split_once("\npartitions:").unwrap();
    project.write(
        "schemas/assets/flights.yaml",
        format!("{text}\ncheckpoint: {{every_rows: 5000}}\n"),
    );
    project
}

/// The same in monthly partitions, of which two are worked on at once.
fn months() -> Project {
    let project = Project::new();
    project.resource("raw", &format!("{}/schemas/data", repository()));
    let text = flights_schema().replace("end: 2014-01", "end: 2013-05");
    project.write(
        "schemas/assets/flights.yaml",
        format!("{text}checkpoint: {{every_rows: 5000}}\n"),
    );
    project
}

fn counts(project: &Project) -> Vec<Value> {
    let shown = project.json(&["runs", "show", "latest"]);
    let mut done: Vec<(String, Value)> = shown["materializations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| {
            let key = each["partition"].as_str().unwrap_or_default().to_owned();
            (key, each["counts"].clone())
        })
        .collect();
    done.sort_by(|a, b| a.0.cmp(&b.0));
    done.into_iter().map(|(_, counts)| counts).collect()
}

fn undisturbed(project: &Project, arguments: &[&str]) -> Reference {
    // Compiled plugins are shared: what compiling takes must not count.
    project.tidegate(&["check"]).succeeded();
    let started = Instant::now();
    project.tidegate(arguments).succeeded();
    Reference {
        took: started.elapsed(),
        rows: project.rows("flights").unwrap(),
        refused: project.refused(),
        counts: counts(project),
    }
}

/// What came of a killed run.
enum Killed {
    /// The run had not begun.
    Early,
    /// It was taken up again, and so many attempts went on from a checkpoint.
    Resumed(usize),
    /// It had ended.
    Late,
}

/// Kills a run, takes it up again, and compares all that it leaves.
fn killed(project: &Project, arguments: &[&str], mut child: Child, reference: &Reference) -> Killed {
    child.kill().unwrap();
    child.wait().unwrap();
    let runs = project.json(&["runs", "list"]);
    let outcome = match runs[0]["state"].as_str() {
        None => {
            project.tidegate(arguments).succeeded();
            Killed::Early
        }
        Some("succeeded") => Killed::Late,
        Some("failed") => {
            assert_eq!(runs[0]["error"]["code"], "run.lost");
            project.tidegate(&["runs", "retry", "latest"]).succeeded();
            Killed::Resumed(resumed(project))
        }
        Some(state) => panic!("nobody is left to work on the run, and it is {state}"),
    };
    assert_like(project, reference);
    outcome
}

/// Attempts of the last run that went on from a checkpoint.
fn resumed(project: &Project) -> usize {
    let shown = project.json(&["runs", "show", "latest"]);
    shown["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["kind"] == "resumed")
        .count()
}

#[track_caller]
fn assert_like(project: &Project, reference: &Reference) {
    assert!(
        project.rows("flights").unwrap() == reference.rows,
        "the rows are not those of the undisturbed run"
    );
    assert!(
        project.refused() == reference.refused,
        "the quarantine is not that of the undisturbed run"
    );
    assert_eq!(counts(project), reference.counts);
    project.assert_tidy("flights");
    let shown = project.json(&["runs", "show", "latest"]);
    assert_eq!(shown["run"]["state"], "succeeded");
    for partition in shown["partitions"].as_array().unwrap() {
        assert_eq!(partition["state"], "succeeded");
        let (last, before) = partition["attempts"].as_array().unwrap().split_last().unwrap();
        assert_eq!(last["state"], "succeeded");
        for attempt in before {
            assert_eq!(attempt["state"], "failed");
            assert_eq!(attempt["error"]["code"], "attempt.lost");
        }
    }
}

fn moments(reference: &Reference, count: u32, seed: u64) -> Vec<Duration> {
    // One in each of as many stretches of the run, at random within it.
    let mut random = StdRng::seed_from_u64(seed);
    (0..count)
        .map(|stretch| {
            reference
                .took
                .mul_f64((f64::from(stretch) + random.random::<f64>()) / f64::from(count))
        })
        .collect()
}

#[test]
fn a_run_killed_at_any_of_ten_moments_ends_with_the_same_rows() {
    let _alone = alone();
    let arguments = ["run", "flights"];
    let reference = undisturbed(&half_a_year(), &arguments);
    assert!(reference.rows.num_rows() > 150_000 && !reference.refused.is_empty());
    let mut resumed = 0;
    for moment in moments(&reference, 10, 2013) {
        let project = half_a_year();
        let child = project.start(&arguments);
        std::thread::sleep(moment);
        match killed(&project, &arguments, child, &reference) {
            Killed::Resumed(attempts) => resumed += attempts,
            Killed::Early | Killed::Late => {}
        }
    }
    assert!(resumed >= 3, "only {resumed} runs went on from a checkpoint");
}

#[test]
fn partitions_killed_side_by_side_with_state_in_postgres_end_with_the_same_rows() {
    let _alone = alone();
    let arguments = ["run", "flights", "--jobs", "2"];
    let schemas = ["kill_reference", "kill_first", "kill_second", "kill_third"]
        .map(|name| format!("{name}_{}", std::process::id()));
    let places = schemas
        .each_ref()
        .map(|schema| months().with("TIDEGATE_STATE", &database(schema)));
    let [whole, others @ ..] = &places;
    let reference = undisturbed(whole, &arguments);
    let mut resumed = 0;
    for (number, project) in (1..).zip(others) {
        let mut child = project.start(&arguments);
        assert!(project.staged("flights/2013-01", number, &mut child));
        // Behind the part comes its checkpoint.
        std::thread::sleep(Duration::from_millis(50));
        if let Killed::Resumed(attempts) = killed(project, &arguments, child, &reference) {
            resumed += attempts;
        }
    }
    assert!(resumed >= 1, "no attempt went on from a checkpoint");
    for schema in &schemas {
        sql(&format!("DROP SCHEMA {schema} CASCADE"));
    }
}

#[test]
fn a_killed_run_leaves_what_was_loaded_before_in_sight() {
    let _alone = alone();
    let project = half_a_year();
    project
        .tidegate(&["run", "flights", "--limit", "10000"])
        .succeeded();
    let before = project.rows("flights").unwrap();
    let mut child = project.start(&["run", "flights"]);
    assert!(project.staged("flights", 3, &mut child));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(project.rows("flights").unwrap() == before);
    // Another run, not a retry, need not wait for the dead one's lease.
    project
        .tidegate(&["run", "flights", "--limit", "20000"])
        .succeeded();
    assert!(project.rows("flights").unwrap().num_rows() > before.num_rows());
    project.assert_tidy("flights");
    // The killed run can still be taken up, and begins anew, since the other swept away what it had staged.
    let runs = project.json(&["runs", "list"]);
    assert_eq!(runs[1]["state"], "failed");
    assert_eq!(runs[1]["error"]["code"], "run.lost");
    let killed = runs[1]["id"].as_str().unwrap();
    project.tidegate(&["runs", "retry", killed]).succeeded();
    assert!(project.rows("flights").unwrap().num_rows() > 150_000);
    project.assert_tidy("flights");
}

#[test]
fn of_two_that_take_a_run_up_at_once_one_does() {
    let _alone = alone();
    for _ in 0..3 {
        let project = half_a_year();
        let mut child = project.start(&["run", "flights"]);
        assert!(project.staged("flights", 2, &mut child));
        child.kill().unwrap();
        child.wait().unwrap();
        let takers: Vec<Child> = (0..3)
            .map(|_| project.start(&["runs", "retry", "latest"]))
            .collect();
        let codes: Vec<Option<i32>> = takers
            .into_iter()
            .map(|mut taker| taker.wait().unwrap().code())
            .collect();
        assert_eq!(
            codes.iter().filter(|code| **code == Some(0)).count(),
            1,
            "{codes:?}"
        );
        assert_eq!(project.last_state(), "succeeded", "{codes:?}");
        assert!(project.rows("flights").unwrap().num_rows() > 150_000);
        project.assert_tidy("flights");
    }
}

#[test]
fn a_worker_that_is_only_paused_keeps_its_claim() {
    let _alone = alone();
    let project = Project::new();
    project.resource("raw", &format!("{}/schemas/data", repository()));
    // Without checkpoints but one: a worker paused while it writes to the state would hold others up for that.
    let text = std::fs::read_to_string(half_a_year().path("schemas/assets/flights.yaml")).unwrap();
    project.write(
        "schemas/assets/flights.yaml",
        text.replace("every_rows: 5000", "every_rows: 40000"),
    );
    let mut child = project.start(&["run", "flights"]);
    assert!(project.staged("flights", 1, &mut child));
    std::thread::sleep(Duration::from_millis(200));
    signal(&child, Signal::STOP);
    let answer = project.tidegate(&["run", "flights"]);
    signal(&child, Signal::CONT);
    answer.failed(7, "attempt.held");
    assert!(child.wait().unwrap().success());
    let runs = project.json(&["runs", "list"]);
    assert_eq!(runs[0]["state"], "failed");
    assert_eq!(runs[1]["state"], "succeeded");
    assert!(project.rows("flights").unwrap().num_rows() > 150_000);
    project.assert_tidy("flights");
}

#[test]
fn an_interrupted_run_is_cancelled_and_can_be_taken_up() {
    let _alone = alone();
    for told in [Signal::INT, Signal::TERM] {
        let project = half_a_year();
        let mut child = project.start(&["run", "flights"]);
        assert!(project.staged("flights", 2, &mut child));
        signal(&child, told);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(!project.is_loaded("flights"));
        let shown = project.json(&["runs", "show", "latest"]);
        assert_eq!(shown["run"]["state"], "cancelled");
        assert_eq!(
            shown["partitions"][0]["attempts"][0]["error"]["code"],
            "run.cancelled"
        );
        project.tidegate(&["runs", "retry"]).succeeded();
        assert_eq!(resumed(&project), 1);
        assert!(project.rows("flights").unwrap().num_rows() > 150_000);
        project.assert_tidy("flights");
        project
            .tidegate(&["runs", "retry"])
            .failed(2, "run.not_retryable");
    }
}

#[test]
fn a_transform_with_state_goes_on_from_its_checkpoint() {
    let _alone = alone();
    let rows: String = (0..60_000_u64)
        .map(|row| format!("{},{row}\n", row * 7_919 % 20_011))
        .collect();
    let project = || {
        let project = Project::new();
        project.write("in/keys.csv", format!("id,row\n{rows}"));
        project.asset(
            "firsts",
            "source: {resource: raw, path: keys.csv}\n\
             columns: [{name: id, type: int64}, {name: row, type: int64}]\n\
             transforms: [{plugin: guest-dedupe, reads: [id]}]\n\
             destination: {resource: lake, load: replace}\n\
             checkpoint: {every_rows: 1}",
        );
        project.write(
            "schemas/project.yaml",
            format!(
                "apiVersion: tidegate/v1\nkind: Project\nname: trial\nplugins: [{}/plugins/dist]\n\
                 batch_rows: 1024\n",
                repository()
            ),
        );
        project
    };
    let whole = project();
    whole.tidegate(&["run", "firsts"]).succeeded();
    let reference = whole.rows("firsts").unwrap();
    assert_eq!(reference.num_rows(), 20_011);
    for parts in [1, 8, 15] {
        let project = project();
        let mut child = project.start(&["run", "firsts"]);
        assert!(
            project.staged("firsts", parts, &mut child),
            "it was over too soon"
        );
        child.kill().unwrap();
        child.wait().unwrap();
        project.tidegate(&["runs", "retry"]).succeeded();
        assert!(project.rows("firsts").unwrap() == reference);
        assert!(parts == 1 || resumed(&project) == 1);
        project.assert_tidy("firsts");
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}
