//! The plugin `rest` as a source, from YAML over HTTP to the rows: every paging, what an API gets wrong, and runs that were
//! stopped in the middle.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Answer, Project};

/// A request, as the API sees it.
#[derive(Clone, Debug)]
struct Asked {
    at: Instant,
    /// Path and parameters.
    target: String,
    authorization: Option<String>,
    body: String,
}

impl Asked {
    fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    fn number(&self, name: &str) -> Option<usize> {
        Some(self.parameter(name)?.parse().unwrap())
    }
}

/// What the API answers.
struct Reply {
    status: u16,
    headers: String,
    body: String,
    /// Bytes that are announced and never sent.
    held_back: usize,
}

fn ok(body: impl Into<String>) -> Reply {
    status(200, body)
}

fn status(status: u16, body: impl Into<String>) -> Reply {
    Reply {
        status,
        headers: String::new(),
        body: body.into(),
        held_back: 0,
    }
}

impl Reply {
    fn with(mut self, name: &str, value: &str) -> Self {
        write!(self.headers, "{name}: {value}\r\n").unwrap();
        self
    }
}

type Handler = Box<dyn FnMut(&Asked) -> Reply + Send>;

/// An API on a port of this machine. What answers can be put in place of what answered before.
struct Api {
    port: u16,
    handler: Arc<Mutex<Handler>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Api {
    fn start(handler: impl FnMut(&Asked) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let handler: Arc<Mutex<Handler>> = Arc::new(Mutex::new(Box::new(handler)));
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (answers, known) = (handler.clone(), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, known) = (answers.clone(), known.clone());
                // A connection that breaks is the client's end of it.
                std::thread::spawn(move || stream.and_then(|stream| serve(&stream, &answers, &known)));
            }
        });
        Self { port, handler, asked }
    }

    fn answers(&self, handler: impl FnMut(&Asked) -> Reply + Send + 'static) {
        *self.handler.lock().unwrap() = Box::new(handler);
    }

    /// The requests so far, which are then forgotten.
    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn serve(stream: &TcpStream, handler: &Mutex<Handler>, known: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let (mut length, mut authorization) = (0, None);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().unwrap();
                }
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                    authorization = Some(value.to_owned());
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let asked = Asked {
            at: Instant::now(),
            target: first.split(' ').nth(1).unwrap().to_owned(),
            authorization,
            body: String::from_utf8(body).unwrap(),
        };
        known.lock().unwrap().push(asked.clone());
        let reply = handler.lock().unwrap()(&asked);
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 {} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{}\r\n{}",
            reply.status,
            reply.body.len() + reply.held_back,
            reply.headers,
            reply.body
        )?;
        if reply.held_back > 0 {
            return stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// Records of the list, and of a page of it.
const RECORDS: usize = 1_000;
const SIZE: usize = 40;

/// The records from one on, those of a page.
fn records(from: usize) -> Vec<Value> {
    let record = |id: usize| {
        json!({
            "id": id,
            "user": {"login": format!("u{}", id % 7)},
            "amount": format!("{}.{:02}", id / 3, id % 100),
            "tags": if id.is_multiple_of(5) { json!([]) } else { json!(["a", null, id.to_string()]) },
            "at": 1_700_000_000 + id,
            "extra": {"n": id},
        })
    };
    (from..(from + SIZE).min(RECORDS)).map(record).collect()
}

/// The whole list in every paging that there is, each at its path.
fn pages(asked: &Asked) -> Reply {
    let next_of = |from: usize| (from + SIZE < RECORDS).then_some(from + SIZE);
    let by = |name| asked.number(name).unwrap_or(0);
    match asked.path() {
        "/v1/page" => ok(json!(records((by("page") - 1) * SIZE)).to_string()),
        "/v1/short" => {
            assert_eq!(by("limit"), SIZE);
            ok(json!(records(by("page") * SIZE)).to_string())
        }
        "/v1/offset" => {
            ok(json!({"total": RECORDS, "offset": by("offset"), "items": records(by("offset"))}).to_string())
        }
        "/v1/cursor" => {
            let from = asked
                .parameter("after")
                .map_or(0, |after| after.strip_prefix("token-").unwrap().parse().unwrap());
            let next = next_of(from).map(|next| format!("token-{next}"));
            ok(json!({"data": {"items": records(from)}, "meta": {"next": next}}).to_string())
        }
        "/v1/last" => {
            let from = asked.number("starting_after").map_or(0, |last| last + 1);
            ok(json!({"items": records(from), "has_more": next_of(from).is_some()}).to_string())
        }
        "/v1/link" => {
            let from = by("from");
            let reply = ok(json!(records(from)).to_string());
            match next_of(from) {
                Some(next) => reply.with("link", &format!("</v1/link?from={next}>; rel=\"next\"")),
                None => reply,
            }
        }
        "/v1/next" => {
            let from = by("from");
            let next = next_of(from).map(|next| format!("/v1/next?from={next}"));
            ok(json!({"items": records(from), "next": next}).to_string())
        }
        "/v1/body" => {
            let body: Value = serde_json::from_str(&asked.body).unwrap();
            let from = usize::try_from(body["page"]["from"].as_u64().unwrap()).unwrap();
            ok(json!({"items": records(from)}).to_string())
        }
        _ => status(404, "{}"),
    }
}

/// Each paging: the path, and the keys of the stream.
const PAGINGS: [(&str, &str); 8] = [
    ("page", "paging: {by: page, parameter: page}"),
    (
        "short",
        "paging: {by: page, parameter: page, first: 0, size: {parameter: limit, value: 40}, until: short}",
    ),
    (
        "offset",
        "records: items, total: total, paging: {by: offset, parameter: offset, echo: offset}",
    ),
    (
        "cursor",
        "records: data.items, paging: {by: cursor, parameter: after, path: meta.next}",
    ),
    (
        "last",
        "records: items, paging: {by: last_record, parameter: starting_after, path: id, more: has_more}",
    ),
    ("link", "paging: {by: link}"),
    ("next", "records: items, paging: {by: next, path: next}"),
    (
        "body",
        "records: items, method: POST, body: {page: {}}, paging: {by: offset, parameter: /page/from}",
    ),
];

/// What is read of a record.
const FIELDS: &str = "{id: int64, author: {type: utf8, path: user.login}, amount: \"decimal(12,2)\", tags: list(utf8), \
                      at: {type: \"timestamp(ms, UTC)\", format: epoch_s}, extra: {type: utf8, format: json}}";

/// An asset `read` of the list at a path, which has these keys; the last text stands in the asset.
fn project(api: &Api, path: &str, keys: &str, asset: &str) -> Project {
    let project = Project::new().with("TIDEGATE_SECRET_TOKEN", "s3cret");
    let port = api.port;
    project.write(
        "schemas/resources/api.yaml",
        format!(
            "apiVersion: tidegate/v1\nkind: Resource\nname: api\ntype: plugin\nconfig:\n  plugin: rest@^0.1\n  config:\n    \
             base_url: \"http://127.0.0.1:{port}/v1\"\n    streams:\n      \
             list: {{path: {path}, key: [id], fields: {FIELDS}, {keys}}}\n  \
             http:\n    - url: \"http://127.0.0.1:{port}/v1/\"\n      methods: [GET, POST]\n      private: true\n      \
             headers: {{Authorization: \"Bearer ${{secret:TOKEN}}\"}}\n      limits: {{retries: 0}}\n  \
             limits: {{time_per_call: 60s}}\n"
        ),
    );
    project.asset(
        "read",
        &format!(
            "source: {{resource: api, stream: list}}\ncolumns:\n  - {{name: id, type: int64, key: true}}\n  \
             - {{name: author, type: utf8}}\n  - {{name: amount, type: \"decimal(12,2)\"}}\n  \
             - {{name: tags, type: list(utf8)}}\n  - {{name: at, type: \"timestamp(ms, UTC)\"}}\n  \
             - {{name: extra, type: utf8}}\ndestination: {{resource: lake}}\ncheckpoint: {{every_rows: 100}}\n{asset}"
        ),
    );
    project
}

/// The rows of the whole list.
fn whole_list() -> Vec<String> {
    let tags = |id: usize| {
        if id.is_multiple_of(5) {
            "[]".to_owned()
        } else {
            format!("[a, ~, {id}]")
        }
    };
    let row = |id: usize| {
        let at = chrono::DateTime::from_timestamp(1_700_000_000 + i64::try_from(id).unwrap(), 0).unwrap();
        format!(
            "{id},u{},{}.{:02},{},{},{{\"n\":{id}}}",
            id % 7,
            id / 3,
            id % 100,
            tags(id),
            at.format("%Y-%m-%dT%H:%M:%SZ")
        )
    };
    (0..RECORDS).map(row).collect()
}

#[test]
fn every_paging_reads_the_whole_list_and_goes_on_where_it_stopped() {
    let expected = whole_list();
    for (path, keys) in PAGINGS {
        let api = Api::start(pages);
        let undisturbed = project(&api, path, keys, "");
        undisturbed.tidegate(&["run", "read"]).succeeded();
        assert_eq!(undisturbed.lines("read"), expected, "{path}");
        let asked = api.asked();
        assert!(
            asked
                .iter()
                .all(|asked| asked.authorization.as_deref() == Some("Bearer s3cret")),
            "the grant puts the secret in"
        );

        // Page 14 is refused, and the run with it; then the API is well again.
        let mut answered = 0;
        api.answers(move |asked| {
            answered += 1;
            if answered == 14 {
                status(403, "{}")
            } else {
                pages(asked)
            }
        });
        let stopped = project(&api, path, keys, "");
        let answer = stopped.tidegate(&["run", "read"]).failed(3, "plugin.config");
        assert!(answer.stderr.contains("may not read this"), "{}", answer.stderr);
        assert!(!stopped.is_loaded("read"));
        api.answers(pages);
        let first = api.asked().len();
        stopped.tidegate(&["runs", "retry", "latest"]).succeeded();
        assert_eq!(stopped.lines("read"), expected, "{path}");
        stopped.assert_tidy("read");
        let again = api.asked().len();
        // At most the pages behind the last checkpoint are asked for twice.
        assert!(
            (again + first) <= asked.len() + 5,
            "{path}: {first} and {again} requests"
        );
    }
}

/// The first run's answer, where the API does as told.
fn answered(keys: &str, handler: impl FnMut(&Asked) -> Reply + Send + 'static) -> Answer {
    let api = Api::start(handler);
    let project = project(&api, "page", keys, "");
    let answer = project.tidegate(&["run", "read"]);
    assert!(!project.is_loaded("read"), "{}{}", answer.stdout, answer.stderr);
    answer
}

const BY_PAGE: &str = "paging: {by: page, parameter: page}";

#[test]
fn what_an_api_refuses_is_told_with_a_remedy() {
    for (code, words) in [
        (401, "in `headers`, `query` or `basic` of the grant"),
        (403, "may not read this"),
        (404, "look at `base_url` and `path`"),
        (302, "redirects are not followed"),
    ] {
        let answer = answered(BY_PAGE, move |_| status(code, "{}")).failed(3, "plugin.config");
        assert!(
            answer.stderr.contains(&format!("was answered with {code}")),
            "{}",
            answer.stderr
        );
        assert!(answer.stderr.contains(words), "{}", answer.stderr);
        assert!(!answer.stderr.contains("s3cret"), "{}", answer.stderr);
    }
}

#[test]
fn what_passes_is_waited_for_and_what_does_not_is_told() {
    let mut calls = 0;
    let api = Api::start(move |asked| {
        calls += 1;
        match calls {
            3 => status(429, "{}").with("retry-after", "1"),
            6 => status(503, "{}"),
            // The connection breaks in the middle of an answer.
            9 => Reply {
                held_back: 100,
                ..pages(asked)
            },
            _ => pages(asked),
        }
    });
    let project = project(&api, "page", BY_PAGE, "");
    project.tidegate(&["run", "read"]).succeeded();
    assert_eq!(project.lines("read"), whole_list());
    let asked = api.asked();
    assert_eq!(asked[2].target, asked[3].target);
    let waited = asked[3].at - asked[2].at;
    assert!(waited >= Duration::from_secs(1), "{waited:?}");

    // Who asks for more than a minute is not waited for.
    let answer = answered(BY_PAGE, |_| status(429, "{}").with("retry-after", "3600"));
    let answer = answer.failed(6, "plugin.retryable");
    assert!(
        answer.stderr.contains("lower `limits.per_second` of the grant"),
        "{}",
        answer.stderr
    );
    let answer = answered(BY_PAGE, |_| status(503, "{}").with("retry-after", "3600"));
    let answer = answer.failed(6, "plugin.retryable");
    assert!(
        answer.stderr.contains("it goes on where it stopped"),
        "{}",
        answer.stderr
    );
}

#[test]
fn answers_that_cannot_be_right_load_nothing() {
    let whole = |asked: &Asked| pages(asked).body;
    let cut = move |asked: &Asked| {
        let mut body = whole(asked);
        if asked.number("page") == Some(3) {
            body.truncate(body.len() / 2);
        }
        ok(body)
    };
    let answer = answered(BY_PAGE, cut).failed(4, "plugin.data");
    assert!(
        answer.stderr.contains("not JSON, or was cut off"),
        "{}",
        answer.stderr
    );

    let repeated =
        |asked: &Asked| ok(json!(records(if asked.number("page") < Some(3) { 0 } else { SIZE })).to_string());
    let answer = answered(BY_PAGE, repeated).failed(4, "plugin.data");
    assert!(
        answer.stderr.contains("page 2 has the same records"),
        "{}",
        answer.stderr
    );

    let moved =
        |asked: &Asked| ok(json!(records((asked.number("page").unwrap() - 1) * (SIZE - 1))).to_string());
    let answer = answered(BY_PAGE, moved).failed(4, "plugin.data");
    assert!(
        answer
            .stderr
            .contains("has a record, by its `key`, of the page before it"),
        "{}",
        answer.stderr
    );

    let skipped = |asked: &Asked| {
        let page = asked.number("page").unwrap();
        let from = (if page > 3 { page } else { page - 1 }) * SIZE;
        ok(json!({"items": records(from), "total": RECORDS}).to_string())
    };
    let counted = "records: items, total: total, paging: {by: page, parameter: page}";
    let answer = answered(counted, skipped).failed(4, "plugin.data");
    assert!(
        answer.stderr.contains("there are 1000 records, and 960 came"),
        "{}",
        answer.stderr
    );

    let without_end = format!("max_pages: 10, {BY_PAGE}");
    let answer = answered(&without_end, pages).failed(4, "plugin.data");
    assert!(answer.stderr.contains("more than 10 pages"), "{}", answer.stderr);

    let secret = move |asked: &Asked| ok(whole(asked).replace("\"u3\"", "[\"hidden\"]"));
    let answer = answered(BY_PAGE, secret).failed(4, "plugin.data");
    assert!(
        answer
            .stderr
            .contains("`author` of record 4 on page 1 is an array"),
        "{}",
        answer.stderr
    );
    assert!(!answer.stderr.contains("hidden"), "{}", answer.stderr);
}

#[test]
fn a_list_that_changed_since_is_not_read_on() {
    let mut answered = 0;
    let api = Api::start(move |asked| {
        answered += 1;
        if answered == 14 {
            status(404, "{}")
        } else {
            pages(asked)
        }
    });
    let project = project(&api, "page", BY_PAGE, "");
    project.tidegate(&["run", "read"]).failed(3, "plugin.config");
    // A new record stands first: every page begins one earlier.
    api.answers(|asked| {
        let from = (asked.number("page").unwrap() - 1) * SIZE;
        ok(json!(records(from.saturating_sub(1))).to_string())
    });
    let answer = project
        .tidegate(&["runs", "retry", "latest"])
        .failed(4, "plugin.data");
    assert!(
        answer
            .stderr
            .contains("other records than when it was read before"),
        "{}",
        answer.stderr
    );
    assert!(!project.is_loaded("read"));
    api.answers(pages);
    project.tidegate(&["run", "read"]).succeeded();
    assert_eq!(project.lines("read"), whole_list());
}

#[test]
fn each_slice_is_asked_for_by_its_bounds() {
    // A record each hour of three days; the API takes whole days, both ends included.
    let api = Api::start(|asked| {
        let day = |name| {
            asked
                .parameter(name)
                .unwrap()
                .rsplit_once('-')
                .unwrap()
                .1
                .parse::<i64>()
                .unwrap()
        };
        let hours = (day("from") - 1) * 24..day("to") * 24;
        let record = |hour: i64| json!({"id": hour, "user": {}, "at": 1_704_067_200 + hour * 3_600});
        if asked.number("page") > Some(1) {
            ok("[]")
        } else {
            ok(json!(hours.map(record).collect::<Vec<_>>()).to_string())
        }
    });
    let window = "window: {from: {parameter: from, format: date}, until: {parameter: to, format: date, inclusive: true}}";
    let slices = "partitions: {daily: {column: at, start: 2024-01-01, end: 2024-01-04}}";
    let project = project(&api, "page", &format!("{window}, {BY_PAGE}"), slices);
    project.tidegate(&["run", "read", "--jobs", "1"]).succeeded();
    let rows = project.lines("read");
    let ids: Vec<i64> = rows
        .iter()
        .map(|row| row.split(',').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(ids, (0..72).collect::<Vec<i64>>());
    let mut first: Vec<String> = api.asked().into_iter().map(|asked| asked.target).collect();
    first.retain(|target| target.contains("page=1"));
    first.sort();
    assert_eq!(first.len(), 3);
    assert_eq!(first[0], "/v1/page?from=2024-01-01&page=1&to=2024-01-01");
}

#[test]
fn a_column_has_one_type_in_both_documents() {
    let api = Api::start(pages);
    let project = project(&api, "page", BY_PAGE, "");
    // Values of one width: what was milliseconds would be read as microseconds.
    let path = "schemas/assets/read.yaml";
    let text = std::fs::read_to_string(project.path(path)).unwrap();
    project.write(path, text.replace("timestamp(ms, UTC)", "timestamp(us, UTC)"));
    let answer = project.tidegate(&["run", "read"]).failed(3, "plugin.input");
    assert!(
        answer.stderr.contains(
            "`at` of the stream `list` is timestamp(ms, UTC), and the asset reads it as timestamp(us, UTC)"
        ),
        "{}",
        answer.stderr
    );
    assert!(api.asked().is_empty());
    // The zone that an instant is shown in does not change it.
    project.write(
        path,
        text.replace("timestamp(ms, UTC)", "timestamp(ms, Asia/Tokyo)"),
    );
    project.tidegate(&["run", "read"]).succeeded();
}
