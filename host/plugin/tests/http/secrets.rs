//! Secrets that the host puts into requests, and what a guest can do about them.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::server::{Server, answer, ok};
use super::support::Host;
use super::{answers, grant, step, told};

const SECRET: &str = "s3cr&t value";

#[tokio::test]
async fn a_secret_reaches_the_server_and_not_the_guest() {
    // It repeats everything in its head, which the host masks.
    let server = Server::start(|seen, _| {
        let (line, header) = (seen.line.clone(), seen.all("x-key").join(","));
        let basic = seen.all("authorization").join(",");
        answer(
            "200 OK",
            &[("x-line", &line), ("x-echo", &header), ("x-basic", &basic)],
            "",
        )
    })
    .await;
    let host = Host::new();
    let more = json!({
        "headers": {"X-Key": format!("Key {SECRET}"), "accept": "text/csv"},
        "query": {"api_key": SECRET},
        "basic": {"user": "me", "password": SECRET},
    });
    let ask = json!({"ask": [{
        "url": server.url("/v1/x?a=1&api_key=mine&api%5Fkey=mine"),
        "headers": [["Authorization", "Bearer mine"], ["X-KEY", "mine"], ["x-key", "mine too"], ["Accept", "mine"]],
    }]});
    let step = step(&host, ask, json!([grant(&server.url("/v1/"), more)]));
    let told = told(&host, &step, &[SECRET.to_owned()]).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.line, "GET /v1/x?a=1&api_key=s3cr%26t+value");
    assert_eq!(seen.all("x-key"), ["Key s3cr&t value"]);
    assert_eq!(seen.all("accept"), ["text/csv"]);
    assert_eq!(seen.all("authorization"), ["Basic bWU6czNjciZ0IHZhbHVl"]);
    assert!(!format!("{seen:?}").contains("mine"), "{seen:?}");

    let all = format!("{told} {:?}", host.messages());
    for form in [SECRET, "s3cr%26t+value", "bWU6czNjciZ0IHZhbHVl", "s3cr"] {
        assert!(!all.contains(form), "{form} is in {all}");
    }
    assert_eq!(told["answers"][0]["status"], 200, "{all}");
    assert!(all.contains("GET /v1/x?a=1&api_key=***"), "{all}");
}

#[tokio::test]
async fn a_secret_of_two_lines_is_refused_before_anything_is_sent() {
    let host = Host::new();
    let more = json!({"headers": {"X-Key": "a\r\nX-Other: b"}});
    let step = step(
        &host,
        json!({"ask": []}),
        json!([grant("http://127.0.0.1/", more)]),
    );
    let error = told(&host, &step, &["a\r\nX-Other: b".to_owned()])
        .await
        .unwrap_err();
    assert_eq!(error.code, "plugin.http_grant", "{error}");
    assert!(
        error.message.contains("X-Key") && !error.message.contains("X-Other"),
        "{error}"
    );
}

#[tokio::test]
async fn a_guest_cannot_set_what_is_the_hosts_or_smuggle_a_second_header() {
    let server = Server::start(|_, _| ok("hello")).await;
    let host = Host::new();
    let headers = [
        ["Host", "other.example"],
        ["Connection", "upgrade"],
        ["Transfer-Encoding", "chunked"],
        ["Upgrade", "h2c"],
        ["TE", "trailers"],
        ["Proxy-Authorization", "x"],
        ["X-A", "a\r\nX-B: b"],
        ["X-A\r\nX-B", "b"],
        ["X-A", "a\nX-B: b"],
        ["X A", "b"],
        ["", "b"],
    ];
    let ask: Vec<_> = headers
        .iter()
        .map(|header| json!({"url": server.url("/"), "headers": [header]}))
        .collect();
    let grants = json!([grant(&server.url("/"), json!({}))]);
    for (header, answer) in headers
        .iter()
        .zip(answers(&host, json!({"ask": ask}), grants.clone()).await)
    {
        let fault = answer["fault"].as_str().unwrap_or_default();
        assert!(fault.contains("a header cannot be sent"), "{header:?}: {answer}");
    }
    assert_eq!(server.lines(), [""; 0]);
    // Without `basic` or a granted header, a guest's own authorization goes out.
    let ask = json!({"ask": [{"url": server.url("/"), "headers": [["Authorization", "Bearer own"]]}]});
    assert_eq!(answers(&host, ask, grants).await[0]["status"], 200);
    assert_eq!(server.seen()[0].all("authorization"), ["Bearer own"]);
}

#[tokio::test]
async fn the_longest_grant_with_the_method_speaks() {
    let server = Server::start(|_, _| ok("hello")).await;
    let host = Host::new();
    let key = |key: &str| json!({"headers": {"X-Key": key}});
    let mut wide = key("wide");
    wide["methods"] = json!(["GET", "POST"]);
    let grants = json!([
        grant(&server.url("/"), wide),
        grant(&server.url("/v1/"), key("narrow"))
    ]);
    let ask = json!({"ask": [
        {"url": server.url("/v1/x")},
        {"url": server.url("/v2/x")},
        {"url": server.url("/v1/x"), "method": "POST"},
    ]});
    answers(&host, ask, grants).await;
    let keys: Vec<String> = server
        .seen()
        .iter()
        .map(|seen| seen.all("x-key").join(","))
        .collect();
    assert_eq!(keys, ["narrow", "wide", "wide"]);
}

#[tokio::test]
async fn a_secret_of_the_config_does_not_leave_with_a_request_that_is_not_granted() {
    const HELD: &str = "hush-5ecret";
    let server = Server::start(|_, _| ok("hello")).await;
    let host = Host::new();
    let grants = json!([grant(&server.url("/v1/"), json!({}))]);
    for url in [
        format!("http://{HELD}.example.com/v1/"),
        format!("http://{HELD}@127.0.0.1:{}/v1/", server.port),
        server.url(&format!("/{HELD}/x")),
        server.url(&format!("/v2/x?q={HELD}")),
        server.url(&format!("/v1/../{HELD}")),
    ] {
        let ask = json!({"ask": [{"url": url, "headers": [["x-key", HELD]]}], "give_up": true});
        let step = step(&host, ask, grants.clone());
        let error = told(&host, &step, &[HELD.to_owned()]).await.unwrap_err();
        assert_eq!(error.code, "plugin.http_refused", "{error}");
        let said = format!("{} {:?}", error.render(), host.messages());
        assert!(!said.contains(HELD), "{said}");
    }
    assert_eq!(server.accepted.load(Ordering::SeqCst), 0);
}
