//! The plugin `webhook` as a destination, from YAML to the endpoint, and killed in the middle.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::Project;

/// What was posted under a key.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Post {
    key: String,
    body: String,
}

/// An endpoint on a port of this machine, which takes everything, but slowly.
struct Endpoint {
    port: u16,
    posts: Arc<Mutex<Vec<Post>>>,
}

/// What an answer takes: enough for a run of a hundred requests to be killed in the middle.
const PAUSE: Duration = Duration::from_millis(10);

impl Endpoint {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let posts = Arc::<Mutex<Vec<Post>>>::default();
        let taken = posts.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let taken = taken.clone();
                // A connection that breaks is the client's end of it.
                std::thread::spawn(move || stream.and_then(|stream| serve(&stream, &taken)));
            }
        });
        Self { port, posts }
    }

    fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, posts: &Mutex<Vec<Post>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
                None if line.trim_end().is_empty() => break,
                None => None,
            };
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        reader.read_exact(&mut body)?;
        posts.lock().unwrap().push(Post {
            key: headers["idempotency-key"].clone(),
            body: String::from_utf8(body).unwrap(),
        });
        std::thread::sleep(PAUSE);
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
    }
}

/// Requests of the load: 82 of its first 8,192 rows, which are a batch, and 19 of the others.
const REQUESTS: usize = 101;

/// An asset of 10,000 numbers, posted a hundred lines at a time.
fn project(endpoint: &Endpoint, load: &str) -> Project {
    let project = Project::new();
    let numbers: String = (0..10_000).map(|n| format!("{n}\n")).collect();
    project.write("in/numbers.csv", format!("n\n{numbers}"));
    let port = endpoint.port;
    project.write(
        "schemas/resources/hook.yaml",
        format!(
            "apiVersion: tidegate/v1\nkind: Resource\nname: hook\ntype: plugin\nconfig:\n  plugin: webhook@^0.1\n  \
             config: {{url: \"http://127.0.0.1:{port}/v1/numbers\", format: ndjson, rows_per_request: 100}}\n  \
             http: [{{url: \"http://127.0.0.1:{port}/v1/\", methods: [POST], private: true}}]\n"
        ),
    );
    project.asset(
        "posted",
        &format!(
            "source: {{resource: raw, path: numbers.csv}}\ncolumns: [{{name: n, type: int32}}]\n\
             checkpoint: {{every_rows: 1000}}\ndestination: {{resource: hook, load: {load}}}"
        ),
    );
    project
}

#[test]
fn a_killed_load_posts_the_same_again_under_the_same_keys() {
    let endpoint = Endpoint::start();
    let project = project(&endpoint, "append");
    // Compiled plugins are shared: what compiling takes must not count.
    project.tidegate(&["check"]).succeeded();
    let mut child = project.start(&["run", "posted"]);
    let begun = Instant::now();
    while endpoint.posts().len() < 20 {
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        assert!(begun.elapsed() < Duration::from_mins(1), "nothing is posted");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What was under way may still arrive.
    std::thread::sleep(20 * PAUSE);
    let before = endpoint.posts();
    assert!(before.len() < REQUESTS, "it was not killed in the middle");
    project.tidegate(&["runs", "retry", "latest"]).succeeded();
    let all = endpoint.posts();
    let again = &all[before.len()..];
    assert_eq!(again.len(), REQUESTS);
    assert_eq!(again[..before.len()], before);
    // What an endpoint holds that takes each key once.
    let taken: HashMap<&str, &str> = all
        .iter()
        .map(|post| (post.key.as_str(), post.body.as_str()))
        .collect();
    assert_eq!(taken.len(), REQUESTS);
    let expected: Vec<String> = (0..10_000).map(|n| format!("{{\"n\":{n}}}")).collect();
    let mut lines: Vec<&str> = taken.values().flat_map(|body| body.lines()).collect();
    lines.sort_by_key(|line| {
        line.trim_matches(|c: char| !c.is_ascii_digit())
            .parse::<u32>()
            .unwrap()
    });
    assert_eq!(lines, expected);
    let shown = project.json(&["runs", "show", "latest"]);
    let load = &shown["materializations"][0]["load"];
    assert_eq!(load["rows"], 10_000);
    assert_eq!(
        load["location"],
        format!("http://127.0.0.1:{}/v1/numbers", endpoint.port)
    );
    let count = |kind: &str| {
        let events = shown["events"].as_array().unwrap().iter();
        events.filter(|event| event["kind"] == kind).count()
    };
    assert_eq!(count("attempt_started"), 2);
    // Nothing that was posted can be held back, so there is no checkpoint to go on from.
    assert_eq!(count("resumed"), 0);
}

#[test]
fn rows_that_were_posted_cannot_be_replaced() {
    let endpoint = Endpoint::start();
    let project = project(&endpoint, "replace");
    let answer = project.tidegate(&["run", "posted"]).failed(3, "plugin.config");
    assert!(
        answer.stderr.contains("write `load: append`"),
        "{}",
        answer.stderr
    );
    assert!(endpoint.posts().is_empty());
}
