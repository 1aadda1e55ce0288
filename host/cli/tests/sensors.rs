//! Sensors: each thing that is seen makes one run, whoever is killed; cursors, keys, and plugins that look.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use support::Project;
use support::server::Server;
use support::ticks::{runs_of, until};

fn sensor(project: &Project, name: &str, text: &str) {
    project.write(
        &format!("schemas/sensors/{name}.yaml"),
        format!("apiVersion: tidegate/v1\nkind: Sensor\nname: {name}\ninterval: 1s\nenabled: true\n{text}\n"),
    );
}

/// Every look, newest first.
fn ticks(project: &Project, name: &str) -> Vec<Value> {
    let ticks = project.json(&["sensor", "ticks", name, "--limit", "1000"]);
    ticks.as_array().unwrap().clone()
}

/// The runs of a sensor, newest first.
fn runs(project: &Project, name: &str) -> Vec<Value> {
    runs_of(project, "sensor", name)
}

fn keys(runs: &[Value]) -> BTreeSet<String> {
    runs.iter()
        .map(|run| run["run_key"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits for so many looks beyond those that there are.
#[track_caller]
fn looks_again(project: &Project, name: &str, times: usize) {
    let before = ticks(project, name).len();
    until("it looks", || {
        (ticks(project, name).len() >= before + times).then_some(())
    });
}

#[test]
fn a_hundred_files_make_a_hundred_runs_though_the_leader_is_killed() {
    let project = Project::small();
    sensor(
        &project,
        "incoming",
        "files: {resource: raw, path: \"new/*.csv\"}\nselect: small",
    );
    let daemon = || Server::start(&project, &["--roles", "daemon"]);
    let mut server = daemon();
    until("it looks", || {
        (!ticks(&project, "incoming").is_empty()).then_some(())
    });
    assert_eq!(ticks(&project, "incoming")[0]["outcome"], "skipped");
    for file in 0..100 {
        project.write(&format!("in/new/{file:03}.csv"), format!("id\n{file}\n"));
        if file % 25 == 10 {
            server.kill();
            server = daemon();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let runs = until("every file has its run", || {
        Some(runs(&project, "incoming")).filter(|runs| runs.len() >= 100)
    });
    looks_again(&project, "incoming", 2);
    assert_eq!(runs.len(), 100);
    let files: BTreeSet<&str> = runs
        .iter()
        .map(|run| run["tags"]["tidegate/file"].as_str().unwrap())
        .collect();
    assert_eq!(files.len(), 100);
    assert!(files.contains("new/042.csv"));

    // A file that changes is new; keys that were used are not used again, though all is seen again.
    project.write("in/new/042.csv", "id\n1\n2\n3\n");
    until("the change is seen", || {
        (crate::runs(&project, "incoming").len() == 101).then_some(())
    });
    let before = keys(&crate::runs(&project, "incoming"));
    project
        .tidegate(&["sensor", "cursor", "incoming", "--delete"])
        .succeeded();
    looks_again(&project, "incoming", 3);
    server.stop();
    let after = crate::runs(&project, "incoming");
    assert_eq!(after.len(), 101);
    assert_eq!(keys(&after), before);
}

#[test]
fn a_file_names_its_slice_and_one_with_a_wrong_name_holds_up_no_other() {
    let project = Project::small();
    project.asset(
        "days",
        "source: {resource: raw, path: \"days/{partition}.csv\"}\n\
         columns: [{name: id, type: int64}]\n\
         partitions: {daily: {start: 2024-01-01}}\n\
         destination: {resource: lake, load: replace_partition}",
    );
    sensor(
        &project,
        "days",
        "files: {resource: raw, path: \"days/{partition}.csv\"}\nselect: days",
    );
    project.write("in/days/2024-01-05.csv", "id\n5\n");
    project.write("in/days/2024-01-xx.csv", "id\n6\n");
    let seen = project.json(&["sensor", "preview", "days"]);
    assert_eq!(
        seen["runs"][0]["partitions"],
        json!([{"asset": "days", "partition": "2024-01-05"}])
    );
    assert_eq!(seen["error"]["code"], "run.partition");
    assert!(runs(&project, "days").is_empty());
    let server = Server::start(&project, &[]);
    until("the day is loaded", || {
        (project.lines("days") == ["5"]).then_some(())
    });
    project.write("in/days/2024-01-06.csv", "id\n6\n");
    until("the next day is loaded", || {
        (project.lines("days") == ["5", "6"]).then_some(())
    });
    server.stop();
    let told = ticks(&project, "days");
    let first = told.iter().rfind(|tick| tick["outcome"] == "launched").unwrap();
    assert_eq!(first["error"]["code"], "run.partition", "{first:#}");
}

#[test]
fn materializations_and_failures_are_seen_once() {
    let project = Project::small();
    for (name, path) in [
        ("after", "small.csv"),
        ("broken", "nothing.csv"),
        ("alarm", "small.csv"),
    ] {
        project.asset(
            name,
            &format!(
                "source: {{resource: raw, path: {path}}}\n\
                 columns: [{{name: id, type: int64}}]\n\
                 destination: {{resource: lake, load: replace}}"
            ),
        );
    }
    sensor(&project, "chain", "asset: {name: small}\nselect: after");
    sensor(&project, "alarm", "run_failed: {}\nselect: [alarm, broken]");
    // What was before is not news.
    project.tidegate(&["run", "small"]).succeeded();
    let server = Server::start(&project, &[]);
    for name in ["chain", "alarm"] {
        until("it looks", || (!ticks(&project, name).is_empty()).then_some(()));
    }
    assert!(runs(&project, "chain").is_empty());
    project.tidegate(&["run", "small"]).succeeded();
    until("it is followed", || {
        (runs(&project, "chain").len() == 1).then_some(())
    });
    assert_eq!(project.tidegate(&["run", "broken"]).code, Some(6));
    // Its own run fails too, and is not followed by another.
    until("the alarm's run has failed", || {
        let runs = runs(&project, "alarm");
        runs.iter().any(|run| run["state"] == "failed").then_some(())
    });
    looks_again(&project, "alarm", 3);
    looks_again(&project, "chain", 1);
    server.stop();
    assert_eq!(runs(&project, "alarm").len(), 1);
    assert_eq!(runs(&project, "chain").len(), 1);
    assert!(project.is_loaded("alarm"));
}

/// Answers each request with a body that can be changed; until the test ends.
fn endpoint(body: &Arc<Mutex<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/items", listener.local_addr().unwrap());
    let body = body.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let text = body.lock().unwrap().clone();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                text.len()
            );
            let _ = stream.write_all(format!("{head}{text}").as_bytes());
        }
    });
    url
}

#[test]
fn an_endpoint_is_watched_by_the_host_and_by_a_plugin() {
    let project = Project::small();
    let body = Arc::new(Mutex::new(
        json!({"version": 1, "data": [{"id": "a"}]}).to_string(),
    ));
    let url = endpoint(&body);
    sensor(
        &project,
        "version",
        &format!("http: {{url: \"{url}\", private: true, pointer: /version}}\nselect: small"),
    );
    sensor(
        &project,
        "guarded",
        &format!("http: {{url: \"{url}\"}}\nselect: small"),
    );
    sensor(
        &project,
        "items",
        &format!(
            "plugin:\n  name: watch-endpoint\n  config: {{url: \"{url}\", items: /data, key: /id}}\n  \
             http: [{{url: \"{url}\", private: true}}]\nselect: small"
        ),
    );
    project.tidegate(&["check"]).succeeded();
    let server = Server::start(&project, &["--roles", "daemon"]);
    until("the plugin has seen an item", || {
        (runs(&project, "items").len() == 1).then_some(())
    });
    until("the version was remembered", || {
        (!ticks(&project, "version").is_empty()).then_some(())
    });
    assert!(runs(&project, "version").is_empty());
    // Other content, the same version.
    *body.lock().unwrap() = json!({"version": 1, "data": [{"id": "a"}, {"id": "b"}]}).to_string();
    until("the new item is seen", || {
        (runs(&project, "items").len() == 2).then_some(())
    });
    looks_again(&project, "version", 1);
    assert!(runs(&project, "version").is_empty());
    for version in [2, 1] {
        let before = runs(&project, "version").len();
        *body.lock().unwrap() = json!({"version": version, "data": []}).to_string();
        until("the version is seen", || {
            (runs(&project, "version").len() == before + 1).then_some(())
        });
    }
    // A private address is refused, and the sensor is asked less often.
    let refused = until("it fails", || {
        ticks(&project, "guarded")
            .into_iter()
            .find(|tick| tick["outcome"] == "failed")
    });
    server.stop();
    assert_eq!(refused["error"]["code"], "http.fetch", "{refused:#}");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("127.0.0.1"), "{message}");
    assert_eq!(runs(&project, "items").len(), 2);
    assert!(
        keys(&runs(&project, "items"))
            .iter()
            .all(|key| key.starts_with("sensor:items:"))
    );
}

#[test]
fn a_slow_sensor_holds_up_no_other_and_fails_when_its_time_is_over() {
    let project = Project::small();
    // Nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    sensor(
        &project,
        "slow",
        &format!("http: {{url: \"{url}\", private: true}}\ntimeout: 4s\nselect: small"),
    );
    sensor(
        &project,
        "quick",
        "files: {resource: raw, path: \"new/*.csv\", run_per: batch}\nselect: small",
    );
    for file in 0..7 {
        project.write(&format!("in/new/{file}.csv"), "id\n1\n");
    }
    let server = Server::start(&project, &["--roles", "daemon"]);
    let failed = until("its time is over", || {
        ticks(&project, "slow")
            .into_iter()
            .find(|tick| tick["outcome"] == "failed")
    });
    let meanwhile = ticks(&project, "quick");
    server.stop();
    assert_eq!(failed["error"]["code"], "sensor.timeout", "{failed:#}");
    assert!(meanwhile.len() >= 2, "{meanwhile:#?}");
    assert_eq!(runs(&project, "quick").len(), 1);
    let record = &project.json(&["sensor", "show", "slow"])["record"];
    assert!(record["failures"].as_i64().unwrap() >= 1, "{record}");
}
