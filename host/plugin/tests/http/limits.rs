//! What the requests of a grant may use, and what is tried again.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidegate_core::port::Transform;

use super::server::{Answer, Server, answer, ok};
use super::support::{Host, numbers};
use super::{answers, grant, step};

/// One `GET /` under a grant with limits.
async fn got(host: &Host, server: &Server, limits: Value) -> Value {
    let grants = json!([grant(&server.url("/"), json!({"limits": limits}))]);
    let mut answers = answers(host, json!({"ask": [{"url": server.url("/")}]}), grants).await;
    answers.remove(0)
}

fn later(ms: u64, answer: Answer) -> Answer {
    let mut answer = answer;
    answer[0].0 = Duration::from_millis(ms);
    answer
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_cut_with_an_error() {
    let chunked = |_: &super::server::Seen, number: usize| -> Answer {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        match number {
            0 => ok(&"x".repeat(1_000)),
            1 => ok(&"x".repeat(1_001)),
            // Says nothing of its size, and does not end.
            _ => {
                let mut pieces = vec![(Duration::ZERO, head.as_bytes().to_vec())];
                pieces.extend((0..1_000).map(|_| {
                    (
                        Duration::from_millis(1),
                        b"64\r\n"
                            .iter()
                            .copied()
                            .chain([b'x'; 100])
                            .chain(*b"\r\n")
                            .collect(),
                    )
                }));
                pieces
            }
        }
    };
    let server = Server::start(chunked).await;
    let host = Host::new();
    let limits = json!({"response": "1000B"});
    assert_eq!(got(&host, &server, limits.clone()).await["status"], 200);
    for _ in 0..2 {
        let answer = got(&host, &server, limits.clone()).await;
        let fault = answer["fault"].as_str().unwrap();
        assert!(
            fault.contains("its answer is too large: 1000 bytes are allowed"),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn a_request_that_is_too_large_is_not_sent() {
    let server = Server::start(|_, _| ok("")).await;
    let host = Host::new();
    let grants = json!([grant(
        &server.url("/"),
        json!({"methods": ["POST"], "limits": {"request": "10000B"}})
    )]);
    let ask = json!({"ask": [
        {"url": server.url("/"), "method": "POST", "body_bytes": 10_001},
        {"url": server.url("/"), "method": "POST", "body_bytes": 10_000},
    ]});
    let answers = answers(&host, ask, grants).await;
    let fault = answers[0]["fault"].as_str().unwrap();
    assert!(
        fault.contains("its body is too large: 10000 bytes are allowed"),
        "{fault}"
    );
    assert_eq!(answers[1]["status"], 200);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_left() {
    // Neither its head, nor then the end of its body.
    let server = Server::start(|_, number| match number {
        0 => later(5_000, ok("late")),
        _ => {
            let mut slow = ok("x");
            let last = slow[0].1.pop().unwrap();
            slow.push((Duration::from_secs(5), vec![last]));
            slow
        }
    })
    .await;
    let host = Host::new();
    for _ in 0..2 {
        let start = Instant::now();
        let answer = got(&host, &server, json!({"timeout": "300ms"})).await;
        assert!(
            answer["retryable"]
                .as_str()
                .unwrap()
                .contains("HttpResponseTimeout"),
            "{answer}"
        );
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    }
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn waiting_for_an_answer_is_not_charged_to_the_call_and_sleeping_is() {
    let server = Server::start(|_, _| later(1_500, ok("slow"))).await;
    let host = Host::new();
    let grants = json!([grant(&server.url("/"), json!({}))]);
    let mut patient = step(&host, json!({"ask": [{"url": server.url("/")}]}), grants.clone());
    patient.grant.time_per_batch_ms = 500;
    let mut bound = host.bind(&patient, &numbers(1).schema()).await.unwrap();
    bound.process(numbers(1), 0).await.unwrap();

    let config = json!({"ask": [{"url": server.url("/")}], "sleep_ms": 3_000});
    let mut sleepy = step(&host, config, grants);
    sleepy.grant.time_per_batch_ms = 500;
    let mut bound = host.bind(&sleepy, &numbers(1).schema()).await.unwrap();
    let error = bound.process(numbers(1), 0).await.unwrap_err();
    assert_eq!(error.code, "plugin.time_limit", "{error}");
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_says() {
    let server = Server::start(|_, number| match number {
        0 => answer("429 Too Many Requests", &[("retry-after", "1")], "slow down"),
        1 => answer("503 Service Unavailable", &[], ""),
        _ => ok("at last"),
    })
    .await;
    let host = Host::new();
    let start = Instant::now();
    let answer = got(&host, &server, json!({})).await;
    assert_eq!(answer["body"], "at last", "{answer}");
    assert_eq!(server.seen().len(), 3);
    // A second for the first, 400 ms for the second.
    assert!(
        start.elapsed() >= Duration::from_millis(1_400),
        "{:?}",
        start.elapsed()
    );
    let said = host.messages();
    assert!(
        said.iter()
            .any(|line| line.contains("429") && line.contains("again in 1000 ms (1 of 3)")),
        "{said:?}"
    );
    assert!(
        said.iter()
            .any(|line| line.contains("503") && line.contains("again in 400 ms (2 of 3)")),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_server_that_stays_busy_is_the_guests_matter() {
    let server = Server::start(|_, _| answer("503 Service Unavailable", &[("retry-after", "120")], "")).await;
    let host = Host::new();
    // Two minutes are more than the host waits.
    let later = got(&host, &server, json!({})).await;
    assert_eq!(later["after_ms"], 120_000, "{later}");
    assert_eq!(server.seen().len(), 1);
    let server = Server::start(|_, _| answer("502 Bad Gateway", &[], "")).await;
    let answer = got(&host, &server, json!({"retries": 1})).await;
    assert!(
        answer["retryable"].as_str().unwrap().ends_with("answered 502"),
        "{answer}"
    );
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_post_is_sent_once_and_nothing_sent_is_sent_again() {
    let server = Server::start(|_, _| answer("503 Service Unavailable", &[], "")).await;
    let host = Host::new();
    let post = |url: String| json!({"ask": [{"url": url, "method": "POST", "body_bytes": 10}]});
    let grants = |url: String| {
        json!([grant(
            &url,
            json!({"methods": ["POST"], "limits": {"retries": 2}})
        )])
    };
    let busy = answers(&host, post(server.url("/")), grants(server.url("/"))).await;
    assert!(
        busy[0]["retryable"].as_str().unwrap().ends_with("answered 503"),
        "{busy:?}"
    );
    assert_eq!(server.seen().len(), 1);
    // Nobody listens on this port any more.
    let gone = server.url("/");
    drop(server);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let host = Host::new();
    let refused = answers(&host, post(gone.clone()), grants(gone)).await;
    assert!(
        refused[0]["retryable"]
            .as_str()
            .unwrap()
            .contains("ConnectionRefused"),
        "{refused:?}"
    );
    assert!(
        host.messages().iter().any(|line| line.contains("(2 of 2)")),
        "{:?}",
        host.messages()
    );
}

#[tokio::test]
async fn so_many_instances_ask_at_once() {
    let server = Server::start(|_, _| later(150, ok("x"))).await;
    let host = Host::new();
    let grants = json!([grant(&server.url("/"), json!({"limits": {"concurrency": 2}}))]);
    let ask = json!({"ask": [{"url": server.url("/")}, {"url": server.url("/")}]});
    let all = [(); 5].map(|()| Box::pin(answers(&host, ask.clone(), grants.clone())));
    for answers in futures(all).await {
        assert_eq!(answers[1]["status"], 200, "{answers:?}");
    }
    assert_eq!(server.seen().len(), 10);
    assert_eq!(server.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn so_many_begin_in_a_second() {
    let server = Server::start(|_, _| ok("x")).await;
    let host = Host::new();
    let grants = json!([grant(&server.url("/"), json!({"limits": {"per_second": 5}}))]);
    let ask: Vec<Value> = (0..6).map(|_| json!({"url": server.url("/")})).collect();
    let start = Instant::now();
    assert_eq!(answers(&host, json!({"ask": ask}), grants).await.len(), 6);
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

/// All of some futures, at once.
async fn futures<F: Future, const N: usize>(all: [F; N]) -> Vec<F::Output> {
    let mut all: Vec<_> = all
        .into_iter()
        .map(|future| (Some(Box::pin(future)), None))
        .collect();
    std::future::poll_fn(move |context| {
        for (future, value) in &mut all {
            if let Some(pending) = future
                && let std::task::Poll::Ready(ready) = pending.as_mut().poll(context)
            {
                (*future, *value) = (None, Some(ready));
            }
        }
        if all.iter().any(|(future, _)| future.is_some()) {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(all.iter_mut().filter_map(|(_, value)| value.take()).collect())
    })
    .await
}
