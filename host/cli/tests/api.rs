//! The API, asked over real connections: who is let in, what is answered, and what is told of what is wrong.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::Project;
use support::client::ApiServer;

/// A new token of a role.
fn token(project: &Project, role: &str, more: &[&str]) -> Value {
    let arguments = [&["token", "create", "--name", "test", "--role", role], more].concat();
    project.json(&arguments)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn without_a_token_nothing_is_told_and_nothing_done() {
    let project = Project::small();
    let mut server = ApiServer::start(&project, &["--auth", "token"]);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.get(path).expect(200).body, "ok");
    }
    let document = server.get("/api/v1/openapi.json").expect(200).json();
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = format!(
            "/api/v1{}",
            path.replace("{name}", "small").replace(['{', '}'], "")
        );
        for method in operations.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            for shown in [
                None,
                Some("tdg_"),
                Some("nothing"),
                Some(&*format!("tdg_{}_{}", "0".repeat(16), "0".repeat(64))),
            ] {
                server.show(shown);
                let reply = server.send(&method, &path, &[("content-type", "application/json")], "{}");
                assert!(reply.header("www-authenticate").is_some(), "{method} {path}");
                reply.problem(401, "api.token");
                asked += 1;
            }
        }
    }
    assert!(asked > 40, "{asked}");
    assert_eq!(project.json(&["runs", "list"]), json!([]));

    // A viewer looks, and launches nothing.
    let viewer = token(&project, "viewer", &[]);
    server.show(Some(text(&viewer["token"])));
    server.get("/api/v1/assets").expect(200);
    server
        .post("/api/v1/assets/small/materialize", "{}")
        .problem(403, "api.role");
    let listed = project.json(&["token", "list"]);
    assert!(listed[0]["last_used_at"].is_string(), "{listed}");
    assert!(
        !listed
            .to_string()
            .contains(text(&viewer["token"]).rsplit('_').next().unwrap())
    );

    // What was taken back, and what has expired, opens nothing.
    project
        .tidegate(&["token", "revoke", text(&viewer["id"])])
        .succeeded();
    server.get("/api/v1/assets").problem(401, "api.token");
    let short = token(&project, "admin", &["--expires-in", "1ms"]);
    server.show(Some(text(&short["token"])));
    server.get("/api/v1/assets").problem(401, "api.token");
    server.stop();
}

#[test]
fn a_run_is_launched_waited_for_and_followed() {
    let project = Project::small();
    let mut server = ApiServer::start(&project, &["--auth", "token"]);
    let operator = token(&project, "operator", &[]);
    server.show(Some(text(&operator["token"])));
    let body = r#"{"tags": {"team": "sales"}}"#;
    let reply = server
        .post("/api/v1/assets/small/materialize?wait=60s", body)
        .expect(200);
    let launched = reply.json();
    let run = &launched["runs"][0];
    assert_eq!(
        (&run["state"], &launched["known"]),
        (&json!("succeeded"), &json!(false)),
        "{launched}"
    );
    let id = text(&run["id"]);
    assert_eq!(reply.header("location"), Some(&*format!("/api/v1/runs/{id}")));
    assert_eq!(run["tags"]["team"], "sales");
    assert_eq!(run["tags"]["tidegate/caller"], operator["id"]);

    let shown = server.get(&format!("/api/v1/runs/{id}")).expect(200).json();
    assert_eq!(shown["partitions"][0]["asset"], "small");
    assert_eq!(shown["partitions"][0]["attempts"][0]["state"], "succeeded");
    let asset = server.get("/api/v1/assets/small").expect(200).json();
    assert_eq!(
        (&asset["rows"], &asset["stale"]),
        (&json!(2), &json!(0)),
        "{asset}"
    );
    let loads = server
        .get("/api/v1/assets/small/materializations")
        .expect(200)
        .json();
    assert_eq!(loads[0]["run"], id);
    server.get(&format!("/api/v1/runs/{id}/logs/small")).expect(200);

    // A page after the other, and the stream, tell the same.
    let page = server
        .get(&format!("/api/v1/runs/{id}/events?limit=2"))
        .expect(200)
        .json();
    let first: Vec<i64> = numbers(&page["events"]);
    let next = server
        .get(&format!("/api/v1/runs/{id}/events?after={}", page["next"]))
        .expect(200)
        .json();
    let all: Vec<i64> = [first.clone(), numbers(&next["events"])].concat();
    assert!(all.len() > 3 && all.is_sorted(), "{all:?}");
    let path = format!("/api/v1/runs/{id}/events");
    let stream = |last: &str| {
        let headers = [("accept", "text/event-stream"), ("last-event-id", last)];
        let reply = server.send("GET", &path, &headers, "").expect(200);
        assert!(reply.body.contains("event: end"), "{}", reply.body);
        let ids = reply.body.lines().filter_map(|line| line.strip_prefix("id: "));
        ids.map(|id| id.parse().unwrap()).collect::<Vec<i64>>()
    };
    assert_eq!(stream("0"), all);
    assert_eq!(stream(&first[1].to_string()), all[2..]);
    server.stop();
}

fn numbers(events: &Value) -> Vec<i64> {
    let events = events.as_array().unwrap().iter();
    events.map(|event| event["sequence"].as_i64().unwrap()).collect()
}

#[test]
fn a_request_that_is_sent_twice_is_met_once() {
    let project = Project::small();
    let server = ApiServer::start(&project, &["--roles", "api"]);
    let path = "/api/v1/runs";
    let send = |key: &str, body: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        server.send("POST", path, &headers, body)
    };
    let body = r#"{"select": ["small"]}"#;
    let first = send("a", body).expect(202).json();
    let again = send("a", body).expect(202).json();
    assert_eq!(first["runs"][0]["id"], again["runs"][0]["id"]);
    assert_eq!((&first["known"], &again["known"]), (&json!(false), &json!(true)));
    send("a", r#"{"select": ["small"], "options": {"priority": 1}}"#).problem(422, "api.key_reused");
    let other = send("b", body).expect(202).json();
    assert_ne!(first["runs"][0]["id"], other["runs"][0]["id"]);
    let both = r#"{"select": ["small"], "options": {"run_key": "x"}}"#;
    send("c", both).problem(422, "api.two_keys");
    send("", body).problem(400, "api.idempotency_key");

    // Many at once make one run.
    let ids: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| send("many", body).expect(202).json()))
            .collect();
        threads
            .into_iter()
            .map(|each| text(&each.join().unwrap()["runs"][0]["id"]).to_owned())
            .collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");

    // Pages of what waits now, the newest first.
    let page = server.get("/api/v1/runs?limit=2&state=queued").expect(200).json();
    let next = server
        .get(&format!("/api/v1/runs?limit=2&cursor={}", text(&page["next"])))
        .expect(200)
        .json();
    assert_eq!(page["runs"][0]["id"], ids[0].as_str());
    assert_eq!(
        (next["runs"].as_array().unwrap().len(), &next["next"]),
        (1, &Value::Null)
    );

    // One is cancelled: nobody had taken it.
    let id = text(&first["runs"][0]["id"]);
    let cancelled = server
        .post(&format!("/api/v1/runs/{id}/cancel"), "")
        .expect(200)
        .json();
    assert_eq!(cancelled["state"], "cancelled");
    let queued = server
        .post(&format!("/api/v1/runs/{id}/retry"), "")
        .expect(202)
        .json();
    assert_eq!(queued["state"], "queued");
    server
        .post(&format!("/api/v1/runs/{id}/retry"), "")
        .problem(409, "run.not_retryable");
    server.stop();
}

#[test]
fn what_is_wrong_with_a_request_is_told_and_changes_nothing() {
    let project = Project::small();
    let server = ApiServer::start(&project, &["--roles", "api"]);
    let problem = server
        .get("/api/v1/assets/smal")
        .problem(404, "run.unknown_asset");
    assert_eq!(problem["hint"], "did you mean `small`?");
    server.get("/api/v1/runs/latest").problem(404, "run.unknown");
    server
        .get("/api/v1/runs/..%2f..%2fetc")
        .problem(404, "run.unknown");
    server.get("/api/v1/jobs/none").problem(404, "api.no_job");
    server.get("/api/v2/assets").problem(404, "api.no_path");
    server
        .send("DELETE", "/api/v1/assets", &[], "")
        .problem(405, "api.method");
    server.get("/api/v1/runs?colour=red").problem(400, "api.query");
    server.get("/api/v1/runs?state=red").problem(400, "api.filter");
    server.get("/api/v1/runs?limit=0").problem(400, "api.filter");
    server.get("/api/v1/runs?cursor=1").problem(400, "api.filter");
    let launch = "/api/v1/runs";
    server.post(launch, "{").problem(400, "api.body");
    server
        .post(launch, r#"{"select": ["small"], "colour": 1}"#)
        .problem(400, "api.body");
    server.post(launch, r#"{"select": ["+"]}"#).expect(422);
    server
        .post(launch, r#"{"select": []}"#)
        .problem(422, "run.nothing_selected");
    let own = r#"{"select": ["small"], "options": {"tags": {"tidegate/backfill": "x"}}}"#;
    server.post(launch, own).problem(422, "api.tags");
    server
        .post("/api/v1/runs?wait=soon", r#"{"select": ["small"]}"#)
        .problem(400, "api.wait");
    server
        .send("POST", launch, &[("content-type", "text/plain")], "{}")
        .problem(415, "api.body");
    let large = format!(r#"{{"select": ["{}"]}}"#, "x".repeat(1 << 20));
    server.post(launch, &large).problem(413, "api.body");
    let head = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let mut stream = server.connect();
    let _ = stream.write_all(head.as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    assert_eq!(project.json(&["runs", "list"]), json!([]));
    let reply = server.get("/api/v1/assets").expect(200);
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    server.stop();
}

#[test]
fn without_tokens_only_this_machine_is_let_in() {
    let project = Project::small();
    project
        .tidegate(&["serve", "--listen", "0.0.0.0:0"])
        .failed(2, "api.not_local");
    let server = ApiServer::start(&project, &["--roles", "api"]);
    project
        .tidegate(&["serve", "--listen", &server.address])
        .failed(6, "api.listen");
    let send = |headers: &[(&str, &str)]| server.send("GET", "/api/v1/assets", headers, "");
    send(&[]).expect(200);
    send(&[("host", "evil.example")]).problem(403, "api.foreign");
    send(&[("origin", "https://evil.example")]).problem(403, "api.foreign");
    send(&[("sec-fetch-site", "cross-site")]).problem(403, "api.foreign");
    server.stop();
}

#[test]
fn a_stream_tells_what_happens_as_it_does_and_a_stop_ends_it() {
    let project = Project::small();
    let server = ApiServer::start(&project, &["--roles", "api"]);
    let launched = server
        .post("/api/v1/runs", r#"{"select": ["small"]}"#)
        .expect(202)
        .json();
    let id = text(&launched["runs"][0]["id"]);
    let mut stream = server.connect();
    let path = format!("/api/v1/runs/{id}/events");
    let head = server.head("GET", &path, &[("accept", "text/event-stream")], 0);
    stream.write_all(head.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut until = |wanted: &str| {
        let found = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(wanted)));
        found.unwrap_or_else(|| panic!("no {wanted}")).unwrap();
        Instant::now()
    };
    until("200 OK");
    let asked = Instant::now();
    server.post(&format!("/api/v1/runs/{id}/cancel"), "").expect(200);
    let heard = until("\"cancelled\"");
    until("event: end");
    assert!(heard - asked < Duration::from_secs(5), "{:?}", heard - asked);

    // One that goes on is let go of when the server stops.
    let launched = server
        .post("/api/v1/runs", r#"{"select": ["small"]}"#)
        .expect(202)
        .json();
    let path = format!("/api/v1/runs/{}/events", text(&launched["runs"][0]["id"]));
    let mut stream = server.connect();
    stream
        .write_all(
            server
                .head("GET", &path, &[("accept", "text/event-stream")], 0)
                .as_bytes(),
        )
        .unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    server.stop();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("event: end"), "{rest}");
}

#[test]
fn the_script_of_the_examples_launches_and_follows() {
    let project = Project::small();
    let server = ApiServer::start(&project, &[]);
    let script = format!("{}/examples/api/run-and-follow.sh", support::repository());
    let run = |asset: &str| {
        let mut command = std::process::Command::new("sh");
        command
            .args([&script, asset])
            .env("TIDEGATE_URL", format!("http://{}", server.address));
        command.output().unwrap()
    };
    let output = run("small");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        printed.contains("materialized") && printed.ends_with("end\nsucceeded\n"),
        "{printed}"
    );
    assert!(!run("none").status.success());
    server.stop();
}
