//! What of the network a grant opens.

use serde_json::{Value, json};

use super::server::{Server, answer, ok};
use super::support::Host;
use super::{answers, grant, is_refused};

/// What comes of a list of URLs under one grant.
async fn asked(host: &Host, urls: &[String], grants: Value) -> Vec<Value> {
    let ask: Vec<Value> = urls.iter().map(|url| json!({"url": url})).collect();
    answers(host, json!({"ask": ask}), grants).await
}

#[tokio::test]
async fn another_host_port_path_scheme_or_method_is_refused() {
    let server = Server::start(|_, _| ok("hello")).await;
    let other = Server::start(|_, _| ok("other")).await;
    let host = Host::new();
    let port = server.port;
    let urls = [
        format!("http://localhost:{port}/v1/x"),
        format!("http://127.0.0.2:{port}/v1/x"),
        format!("https://127.0.0.1:{port}/v1/x"),
        "http://127.0.0.1/v1/x".to_owned(),
        other.url("/v1/x"),
        server.url("/"),
        server.url("/v1"),
        server.url("/v1x"),
        server.url("/V1/x"),
        server.url("/v2/x"),
    ];
    let grants = json!([grant(&server.url("/v1/"), json!({}))]);
    for (url, answer) in urls.iter().zip(asked(&host, &urls, grants.clone()).await) {
        assert!(is_refused(&answer), "{url}: {answer}");
    }
    for method in ["POST", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get"] {
        let ask = json!({"ask": [{"url": server.url("/v1/x"), "method": method}]});
        let answer = &answers(&host, ask, grants.clone()).await[0];
        assert!(is_refused(answer), "{method}: {answer}");
    }
    assert!(
        host.messages()
            .iter()
            .any(|line| line.contains("methods: [GET, DELETE]")),
        "{:?}",
        host.messages()
    );
    assert_eq!(server.lines(), [""; 0]);
    assert_eq!(other.lines(), [""; 0]);
    assert_eq!(
        asked(&host, &[server.url("/v1/x")], grants).await[0]["status"],
        200
    );
}

#[tokio::test]
async fn a_path_that_climbs_and_a_url_of_two_readings_are_refused() {
    let server = Server::start(|_, _| ok("hello")).await;
    let host = Host::new();
    let port = server.port;
    let urls = [
        server.url("/v1/../admin"),
        server.url("/v1/./x"),
        server.url("/v1/%2e%2e/admin"),
        server.url("/v1/%2E%2e/admin"),
        server.url("/v1/.%2e/admin"),
        server.url("/v1/%252e%252e/admin"),
        server.url("/v1/..%2fadmin"),
        server.url("/v1/%2e%2e%5cadmin"),
        server.url("/v1/..;/admin"),
        server.url("/v1//x"),
        server.url("//v1/x"),
        server.url("/v1\\..\\admin"),
        server.url("/v1/%00"),
        format!("http://user@127.0.0.1:{port}/v1/x"),
        format!("http://127.0.0.1:{port}@example.com/v1/x"),
        format!("http://example.com@127.0.0.1:{port}/v1/x"),
        format!("http://2130706433:{port}/v1/x"),
        format!("http://0x7f.1:{port}/v1/x"),
        format!("http://127.0.0.1.:{port}/v1/x"),
        format!("http://127.0.0.1:0{port}/v1/x"),
        format!("http://[::ffff:127.0.0.1]:{port}/v1/x"),
    ];
    let grants = json!([grant(&server.url("/v1/"), json!({}))]);
    for (url, answer) in urls.iter().zip(asked(&host, &urls, grants).await) {
        // Some are no URL to the guest's side of WASI already.
        assert!(answer["fault"].is_string(), "{url}: {answer}");
    }
    assert_eq!(server.lines(), [""; 0]);
}

#[tokio::test]
async fn this_machine_is_refused_under_every_name() {
    let server = Server::start(|_, _| ok("hello")).await;
    let host = Host::new();
    let port = server.port;
    let urls: Vec<String> = [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::]",
    ]
    .map(|name| format!("http://{name}:{port}/"))
    .into();
    for url in &urls {
        // A mapped address has another plain form, so that it cannot be granted as written.
        let written = url.replace("::ffff:127.0.0.1", "::ffff:7f00:1");
        let ask = std::slice::from_ref(&written);
        let answer = &asked(&host, ask, json!([{"url": written}])).await[0];
        assert!(is_refused(answer), "{url}: {answer}");
    }
    assert_eq!(server.accepted.load(std::sync::atomic::Ordering::SeqCst), 0);
    // With `private`, a name may lead here.
    let local = format!("http://localhost:{port}/");
    let answer = &asked(
        &host,
        std::slice::from_ref(&local),
        json!([grant(&local, json!({}))]),
    )
    .await[0];
    assert_eq!(answer["body"], "hello", "{answer}");
    assert_eq!(server.seen()[0].all("host"), [format!("localhost:{port}")]);
}

#[tokio::test]
async fn a_redirect_passes_the_gate_again() {
    let secret = Server::start(|_, _| ok("secret")).await;
    let inside = secret.url("/v1/inside");
    let to = inside.clone();
    let server = Server::start(move |seen, _| match seen.line.as_str() {
        "GET /v1/out" => answer("302 Found", &[("location", &to)], ""),
        "GET /v1/meta" => answer("302 Found", &[("location", "http://169.254.169.254/latest/")], ""),
        "GET /v1/here" => answer(
            "302 Found",
            &[("location", &format!("http://{}/v1/end", seen.all("host")[0]))],
            "",
        ),
        _ => ok("end"),
    })
    .await;
    let host = Host::new();
    let ask = json!({"ask": [
        {"url": server.url("/v1/out")},
        {"url": server.url("/v1/out"), "follow": 3},
        {"url": server.url("/v1/meta"), "follow": 3},
        {"url": server.url("/v1/here"), "follow": 3},
    ]});
    let grants = json!([
        grant(&server.url("/v1/"), json!({})),
        // Granted by its address, and not meant to be private.
        {"url": "http://169.254.169.254/"},
        {"url": inside},
    ]);
    let answers = answers(&host, ask, grants).await;
    assert_eq!(
        (&answers[0]["status"], &answers[0]["body"]),
        (&json!(302), &json!(""))
    );
    assert!(is_refused(&answers[1]), "{}", answers[1]);
    assert!(is_refused(&answers[2]), "{}", answers[2]);
    assert_eq!(answers[3]["body"], "end");
    assert_eq!(secret.accepted.load(std::sync::atomic::Ordering::SeqCst), 0);
}
