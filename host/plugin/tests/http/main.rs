//! Requests of guests through the gate, to real servers on this machine.
#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "what a test cannot go on without fails it, and what it is given is written in place"
)]

mod limits;
mod python;
mod secrets;
mod sensor;
mod server;
mod urls;
mod webhook;

#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use arrow_array::cast::AsArray;
use serde_json::{Value, json};
use server::{Server, ok};
use support::{Host, numbers};
use tidegate_core::plan::StepSpec;
use tidegate_core::port::Transform;
use tidegate_core::{Error, Kind};

/// A step that asks for some URLs, under some grants.
fn step(host: &Host, config: Value, grants: Value) -> StepSpec {
    let mut step = host.step("guest-http", config, &["n"], &["made"]);
    step.grant.http = serde_json::from_value(grants).unwrap();
    step
}

/// A grant of a server on this machine, with more keys.
fn grant(url: &str, more: Value) -> Value {
    let mut grant = json!({"url": url, "private": true});
    grant
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    grant
}

/// What came of a step's requests: the whole of what the guest tells.
async fn told(host: &Host, step: &StepSpec, secrets: &[String]) -> Result<Value, Error> {
    let mut bound = host
        .bind_with_secrets(step, &numbers(1).schema(), secrets)
        .await?;
    let done = bound.process(numbers(1), 0).await?;
    let made = done.outputs[0].column_by_name("made").unwrap();
    Ok(serde_json::from_str(made.as_string::<i32>().value(0)).unwrap())
}

/// What came of its requests, one by one.
async fn answers(host: &Host, config: Value, grants: Value) -> Vec<Value> {
    let told = told(host, &step(host, config, grants), &[]).await.unwrap();
    told["answers"].as_array().unwrap().clone()
}

/// Whether the host refused a request.
fn is_refused(answer: &Value) -> bool {
    let fault = answer["fault"].as_str().unwrap_or_default();
    fault.contains("the host refuses") && fault.contains("the schema does not grant it")
}

#[tokio::test]
async fn a_granted_request_is_answered() {
    let server = Server::start(|_, _| ok("hello")).await;
    let host = Host::new();
    let ask = json!({"ask": [
        {"url": server.url("/v1/a?x=1")},
        {"url": server.url("/v1/b"), "method": "POST", "body_bytes": 100_000, "headers": [["X-Own", "1"]]},
    ]});
    let answers = answers(
        &host,
        ask,
        json!([grant(&server.url("/v1/"), json!({"methods": ["GET", "POST"]}))]),
    )
    .await;
    assert_eq!(
        (&answers[0]["status"], &answers[0]["body"]),
        (&json!(200), &json!("hello"))
    );
    assert_eq!(answers[1]["status"], 200, "{answers:?}");
    let seen = server.seen();
    assert_eq!(server.lines(), ["GET /v1/a?x=1", "POST /v1/b"]);
    assert_eq!(seen[0].all("host"), [format!("127.0.0.1:{}", server.port)]);
    assert_eq!(seen[1].all("x-own"), ["1"]);
    assert_eq!(seen[1].body, vec![b'x'; 100_000]);
}

#[tokio::test]
async fn without_a_grant_the_error_says_what_to_write() {
    let server = Server::start(|_, _| ok("hello")).await;
    let host = Host::new();
    let ask = json!({"ask": [{"url": server.url("/v1/items?token=hush")}], "give_up": true});
    let error = told(&host, &step(&host, ask, json!([])), &[]).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.kind),
        ("plugin.http_refused", Kind::Schema),
        "{error}"
    );
    let asked = format!("`GET {}` is not granted", server.url("/v1/items"));
    assert!(error.message.contains(&asked), "{error}");
    let yaml = format!("`http: [{{url: \"{}\", methods: [GET]}}]`", server.url("/v1/"));
    assert!(error.hint.as_deref().unwrap().contains(&yaml), "{error}");
    assert!(!format!("{error} {:?}", host.messages()).contains("hush"));
    assert!(
        host.messages()
            .iter()
            .any(|line| line.contains(&asked) && line.contains(&yaml))
    );
    assert_eq!(server.accepted.load(std::sync::atomic::Ordering::SeqCst), 0);
    // What the hint says does it, with `private` for a server of this machine.
    let ask = json!({"ask": [{"url": server.url("/v1/items")}], "give_up": true});
    let granted = json!([{"url": server.url("/v1/"), "methods": ["GET"]}]);
    let error = told(&host, &step(&host, ask.clone(), granted), &[])
        .await
        .unwrap_err();
    assert_eq!(error.code, "plugin.http_refused");
    assert!(
        error.hint.as_deref().unwrap().contains("private: true"),
        "{error}"
    );
    let granted = json!([{"url": server.url("/v1/"), "methods": ["GET"], "private": true}]);
    told(&host, &step(&host, ask, granted), &[]).await.unwrap();
}

#[tokio::test]
async fn a_plugin_that_takes_a_refusal_for_a_failed_connection_is_told_too() {
    let server = Server::start(|_, _| server::answer("500 Internal Server Error", &[], "")).await;
    let host = Host::new();
    let granted = || json!([grant(&server.url("/v1/"), json!({}))]);
    for (paths, code) in [
        (["/v1/a", "/v2/b"], "plugin.http_refused"),
        // What it gives up for came behind the refusal, and may pass.
        (["/v2/b", "/v1/a"], "plugin.retryable"),
    ] {
        let ask = json!({"ask": paths.map(|path| json!({"url": server.url(path)})), "hope": true});
        let error = told(&host, &step(&host, ask, granted()), &[]).await.unwrap_err();
        assert_eq!(error.code, code, "{error}");
    }
}

#[tokio::test]
async fn two_instances_use_one_connection() {
    let server = Server::start(|_, _| ok("hello")).await;
    let host = Host::new();
    let grants = json!([grant(&server.url("/"), json!({}))]);
    for _ in 0..2 {
        let ask = json!({"ask": [{"url": server.url("/a")}, {"url": server.url("/b")}]});
        assert_eq!(answers(&host, ask, grants.clone()).await[1]["body"], "hello");
        // The connection is handed back by the task that drives it.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.lines(), ["GET /a", "GET /b", "GET /a", "GET /b"]);
    assert_eq!(server.accepted.load(std::sync::atomic::Ordering::SeqCst), 1);
    // A grant that may not reach this machine is not given the connection that another one made.
    let public = json!([{"url": server.url("/")}]);
    let ask = json!({"ask": [{"url": server.url("/a")}]});
    assert!(is_refused(&answers(&host, ask, public).await[0]));
    assert_eq!(server.seen().len(), 4);
}
