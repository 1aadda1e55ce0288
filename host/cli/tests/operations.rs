//! Operational jobs: child processes, requests, queries and assets as steps; what is skipped, done for each value, tried
//! again, stopped, and gone on with when a worker is killed.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};

use support::Project;
use support::server::Server;

/// A project with one small asset.
fn project() -> Project {
    let project = Project::small();
    project.write("in/small.csv", "id\n1\n2\n3\n");
    project
}

/// Declares a job; the text is its steps.
fn job(project: &Project, name: &str, steps: &str) {
    let lines: String = steps.lines().map(|line| format!("  {line}\n")).collect();
    project.write(
        &format!("schemas/jobs/{name}.yaml"),
        format!("apiVersion: tidegate/v1\nkind: Job\nname: {name}\nsteps:\n{lines}"),
    );
}

fn shown(project: &Project, run: &str) -> Value {
    project.json(&["runs", "show", run])
}

/// The items of a step, in order.
fn items<'a>(shown: &'a Value, step: &str) -> Vec<&'a Value> {
    shown["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|each| each["asset"] == step)
        .collect()
}

#[track_caller]
fn item<'a>(shown: &'a Value, step: &str) -> &'a Value {
    items(shown, step)
        .first()
        .copied()
        .unwrap_or_else(|| panic!("no step {step}: {shown:#}"))
}

#[track_caller]
fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Whether a process is there; one that has ended and was not yet waited for is not.
fn is_alive(pid: &str) -> bool {
    let pid: i32 = pid.trim().parse().unwrap();
    let ended = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit(')')
            .next()
            .unwrap_or_default()
            .trim()
            .starts_with('Z')
    });
    test_kill_process(Pid::from_raw(pid).unwrap()).is_ok() && !ended
}

/// Answers each request with the next of some answers (status and body), the last one again and again; keeps what it was
/// asked.
fn endpoint(answers: Vec<(u16, Value)>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let keeps = asked.clone();
    std::thread::spawn(move || {
        let mut answers = answers.into_iter().peekable();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let read = stream.read(&mut buffer).unwrap_or(0);
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    assert!(read > 0, "a request that ends in its head");
                    continue;
                };
                let length = head.lines().find_map(|line| {
                    let line = line.to_ascii_lowercase();
                    line.strip_prefix("content-length: ")?.parse().ok()
                });
                if read == 0 || body.len() >= length.unwrap_or(0) {
                    break;
                }
            }
            keeps
                .lock()
                .unwrap()
                .push(String::from_utf8_lossy(&request).into_owned());
            let (status, body) = answers.peek().cloned().unwrap();
            if answers.len() > 1 {
                answers.next();
            }
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 {status} Told\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    (url, asked)
}

#[test]
fn results_decide_what_is_done_and_what_is_skipped() {
    let project = project();
    job(
        &project,
        "decide",
        r#"- name: extract
  exec: {command: [sh, -c, "echo working; echo '{\"count\": 2, \"kind\": \"new\"}'"]}
- name: load
  needs: [extract]
  if: steps.extract.result.count > 0 and steps.extract.result.kind == 'new'
  exec: {command: [echo, "[\"{{ steps.extract.result.count }}\", \"{{ run.job }}\"]"]}
- name: report-nothing
  needs: [extract]
  else: load
  exec: {command: [touch, nothing]}
- name: after-nothing
  needs: [report-nothing]
  exec: {command: [touch, after-nothing]}
- name: joined
  needs: [load, report-nothing]
  when: none_failed
  exec: {command: [touch, joined]}
- name: alarm
  needs: [load]
  when: failed
  exec: {command: [touch, alarm]}"#,
    );
    project.tidegate(&["check"]).succeeded();
    let told = project.tidegate(&["job", "show", "decide"]).succeeded();
    assert!(told.stdout.contains("not load"), "{}", told.stdout);
    project.tidegate(&["job", "launch", "decide"]).succeeded();
    let shown = shown(&project, "latest");
    assert_eq!(shown["run"]["state"], "succeeded");
    assert_eq!(
        item(&shown, "extract")["result"],
        json!({"count": 2, "kind": "new"})
    );
    assert_eq!(item(&shown, "load")["result"], json!(["2", "decide"]));
    for (step, state) in [
        ("load", "succeeded"),
        ("report-nothing", "skipped"),
        ("after-nothing", "skipped"),
        ("joined", "succeeded"),
        ("alarm", "skipped"),
    ] {
        assert_eq!(item(&shown, step)["state"], state, "{step}: {shown:#}");
    }
    assert!(project.path("joined").exists());
    for file in ["nothing", "after-nothing", "alarm"] {
        assert!(!project.path(file).exists(), "{file}");
    }
    let told = project.tidegate(&["runs", "show", "latest"]).succeeded().stdout;
    assert!(told.contains("it is the `else` of `load`"), "{told}");
    assert!(told.contains("no step that it needs has failed"), "{told}");
}

#[test]
fn a_child_is_given_what_is_declared_and_its_secrets_are_not_shown() {
    let project = project()
        .with("TIDEGATE_SECRET_TOKEN", "s3cr3t-t0ken")
        .with("LEAKING", "must-not-be-seen");
    job(
        &project,
        "environment",
        r#"- name: look
  exec:
    command: [sh, -c, "env; pwd; echo \"$TOKEN\" >&2; echo \"{\\\"token\\\": \\\"$TOKEN\\\"}\""]
    cwd: work
    env: {TOKEN: "${secret:TOKEN}", MODE: "{{ run.partition }}"}"#,
    );
    project
        .tidegate(&["job", "launch", "environment", "--partition", "2024-01-04"])
        .failed(6, "step.exec");
    fs::create_dir(project.path("work")).unwrap();
    project
        .tidegate(&["job", "launch", "environment", "--partition", "2024-01-05"])
        .succeeded();
    let log = project
        .tidegate(&["runs", "logs", "latest", "--step", "look"])
        .succeeded();
    for said in [
        "MODE=2024-01-05",
        "TIDEGATE_STEP=look",
        "TOKEN=***",
        "/work",
        "stderr: ***",
    ] {
        assert!(log.stdout.contains(said), "{said}: {}", log.stdout);
    }
    assert!(!log.stdout.contains("LEAKING"), "{}", log.stdout);
    assert_eq!(
        item(&shown(&project, "latest"), "look")["result"],
        json!({"token": "***"})
    );
    for path in support::tree(&project.path(".tidegate")) {
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(12).any(|part| part == b"s3cr3t-t0ken");
        assert!(!found, "{}", path.display());
    }
    project
        .tidegate(&["runs", "logs", "latest", "--step", "lok"])
        .failed(2, "run.unknown_step");
}

#[test]
fn values_found_at_run_time_are_work_of_their_own_and_only_what_failed_is_done_again() {
    let project = project();
    job(
        &project,
        "fan",
        r#"- name: find
  exec: {command: [sh, -c, "echo x >> finds; echo '[\"a\", \"b\", \"it\\u0027s c\"]'"]}
- name: each
  needs: [find]
  for_each: steps.find.result
  exec:
    command: [sh, -c, "echo \"$1\" >> did; [ \"$1\" != b ] || [ -e mended ] || exit 65; echo \"[$2]\"", sh, "{{ item }}", "{{ index }}"]
- name: sum
  needs: [each]
  exec: {command: [echo, "{\"results\": {{ steps.each.results }}, \"n\": {{ length(steps.each.items) }}}"]}"#,
    );
    project.tidegate(&["job", "launch", "fan"]).failed(4, "step.exit");
    let first = shown(&project, "latest");
    assert_eq!(first["run"]["state"], "failed");
    assert_eq!(item(&first, "sum")["state"], "skipped");
    let states: Vec<_> = items(&first, "each")
        .iter()
        .map(|each| each["state"].clone())
        .collect();
    assert_eq!(states, ["succeeded", "succeeded", "failed", "succeeded"]);
    fs::write(project.path("mended"), "").unwrap();
    project.tidegate(&["runs", "retry"]).succeeded();
    let second = shown(&project, "latest");
    assert_eq!(second["run"]["id"], first["run"]["id"]);
    assert_eq!(
        item(&second, "sum")["result"],
        json!({"results": [[0], [1], [2]], "n": 3})
    );
    assert_eq!(lines(&project.path("finds")).len(), 1);
    let mut did = lines(&project.path("did"));
    did.sort();
    assert_eq!(did, ["a", "b", "b", "it's c"]);
    let log = project
        .tidegate(&["runs", "logs", "latest", "--step", "each"])
        .succeeded();
    assert!(log.stdout.contains("each #1 #2"), "{}", log.stdout);
}

#[test]
fn more_values_than_allowed_and_wrong_ones_fail_and_nothing_is_done() {
    let project = project();
    job(
        &project,
        "many",
        "- name: find\n  exec: {command: [echo, \"[1, 2, 3]\"]}\n\
         - name: each\n  needs: [find]\n  for_each: steps.find.result\n  max_items: 2\n  exec: {command: [touch, did]}",
    );
    job(
        &project,
        "none",
        "- name: find\n  exec: {command: [echo, \"{\\\"a\\\": 1}\"]}\n\
         - name: each\n  needs: [find]\n  for_each: steps.find.result\n  exec: {command: [touch, did]}\n\
         - name: odd\n  needs: [find]\n  if: steps.find.result.a\n  exec: {command: [touch, did]}",
    );
    job(
        &project,
        "large",
        "- name: large\n  exec: {command: [python3, -c, \"print([0] * 200_000)\"]}",
    );
    job(
        &project,
        "no-program",
        "- name: lost\n  exec: {command: [there-is-no-such-program]}",
    );
    job(
        &project,
        "no-secret",
        "- name: lost\n  exec: {command: [ls], env: {A: \"${secret:NOT_THERE}\"}}",
    );
    project
        .tidegate(&["job", "launch", "many"])
        .failed(4, "step.too_many");
    let none = project
        .tidegate(&["job", "launch", "none"])
        .failed(4, "step.for_each");
    assert!(none.stderr.contains("error[step.expression]"), "{}", none.stderr);
    project
        .tidegate(&["job", "launch", "large"])
        .failed(4, "step.result_too_large");
    project
        .tidegate(&["job", "launch", "no-program"])
        .failed(6, "step.exec");
    project
        .tidegate(&["job", "launch", "no-secret"])
        .failed(3, "schema.reference");
    assert!(!project.path("did").exists());
}

#[test]
fn requests_are_sent_with_values_and_secrets_and_their_answers_are_results() {
    let project = project().with("TIDEGATE_SECRET_KEY", "k3y-of-the-api");
    let (url, asked) = endpoint(vec![
        (201, json!({"id": 7, "echo": "k3y-of-the-api"})),
        (500, json!("busy")),
        (200, json!("well")),
        (404, json!("not there")),
    ]);
    job(
        &project,
        "ask",
        &format!(
            r#"- name: find
  exec: {{command: [echo, "{{\"name\": \"a/b c\", \"n\": [1, 2]}}"]}}
- name: create
  needs: [find]
  http:
    url: "{url}v1/"
    path: "items/{{{{ steps.find.result.name }}}}"
    method: POST
    headers: {{authorization: "Bearer ${{secret:KEY}}", x-run: "{{{{ run.id }}}}"}}
    body: {{numbers: "{{{{ steps.find.result.n }}}}", text: "of {{{{ steps.find.result.name }}}}"}}
    private: true
- name: again
  needs: [create]
  if: steps.create.result.status == 201 and steps.create.result.body.id == 7
  retry: {{max_attempts: 3, first_delay: 10ms}}
  http: {{url: "{url}", method: POST, private: true}}
- name: missing
  needs: [again]
  http: {{url: "{url}", private: true}}
- name: guarded
  http: {{url: "{url}", limits: {{retries: 0}}}}"#
        ),
    );
    project.tidegate(&["check"]).succeeded();
    let answer = project.tidegate(&["job", "launch", "ask"]);
    assert_eq!(answer.code, Some(6), "{}", answer.stderr);
    let shown = shown(&project, "latest");
    assert_eq!(
        item(&shown, "create")["result"],
        json!({"status": 201, "body": {"id": 7, "echo": "***"}}),
        "{shown:#}"
    );
    assert_eq!(
        item(&shown, "again")["result"],
        json!({"status": 200, "body": "well"})
    );
    let attempts = item(&shown, "again")["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0]["error"]["code"], "step.http_status");
    assert_eq!(attempts[0]["error"]["retry"], "later");
    assert_eq!(item(&shown, "missing")["attempts"][0]["error"]["retry"], "never");
    let refused = &item(&shown, "guarded")["attempts"][0]["error"];
    assert_eq!(refused["code"], "http.fetch", "{refused:#}");
    let asked = asked.lock().unwrap();
    let first = asked[0].to_ascii_lowercase();
    assert!(first.starts_with("post /v1/items/a%2fb%20c http/1.1"), "{first}");
    assert!(first.contains("authorization: bearer k3y-of-the-api"), "{first}");
    assert!(first.contains("content-type: application/json"), "{first}");
    assert!(
        first.ends_with(r#"{"numbers":[1,2],"text":"of a/b c"}"#),
        "{first}"
    );
    assert!(!answer.stderr.contains("k3y-of"), "{}", answer.stderr);
}

#[test]
fn assets_are_materialized_in_the_run_and_queries_read_them() {
    let project = project();
    project.asset(
        "days",
        "source: {resource: raw, path: \"days/{partition}.csv\"}\n\
         columns: [{name: id, type: int64}]\n\
         partitions: {daily: {start: 2024-01-01}}\n\
         destination: {resource: lake, load: replace_partition}",
    );
    for day in ["2024-01-05", "2024-01-06"] {
        project.write(&format!("in/days/{day}.csv"), "id\n5\n");
    }
    job(
        &project,
        "make",
        r#"- name: find
  exec: {command: [echo, "[\"2024-01-05\", \"2024-01-06\"]"]}
- name: make-small
  materialize: {select: small}
- name: make-days
  needs: [find]
  for_each: steps.find.result
  materialize: {select: days, partition: "{{ item }}"}
- name: count
  needs: [make-small, make-days]
  sql: {query: "SELECT count(*) AS n, max(id) AS top FROM {small} WHERE id IN {{ steps.find.result }} OR id > {{ length(steps.find.result) - 1 }}"}"#,
    );
    // There is no arithmetic.
    project.tidegate(&["check"]).failed(3, "schema.expression");
    let text = fs::read_to_string(project.path("schemas/jobs/make.yaml")).unwrap();
    let text = text.replace(
        "id IN {{ steps.find.result }} OR ",
        "'it''s' <> {{ steps.find.result[0] }} AND ",
    );
    project.write("schemas/jobs/make.yaml", text.replace(" - 1 }}", " }}"));
    project.tidegate(&["check"]).succeeded();
    project.tidegate(&["job", "launch", "make"]).succeeded();
    let shown = shown(&project, "latest");
    assert_eq!(
        item(&shown, "count")["result"],
        json!({"count": 1, "rows": [{"n": 1, "top": 3}]})
    );
    assert_eq!(project.lines("days"), ["5", "5"]);
    assert_eq!(shown["materializations"].as_array().unwrap().len(), 3);
    assert_eq!(items(&shown, "days").len(), 2);
    // A slice that fails is its step's failure, and is all that is done again.
    fs::remove_file(project.path("in/days/2024-01-06.csv")).unwrap();
    assert_eq!(project.tidegate(&["job", "launch", "make"]).code, Some(6));
    let failed = crate::shown(&project, "latest");
    assert_eq!(item(&failed, "count")["state"], "skipped");
    project.write("in/days/2024-01-06.csv", "id\n6\n");
    project.tidegate(&["runs", "retry"]).succeeded();
    let mended = crate::shown(&project, "latest");
    assert_eq!(item(&mended, "small")["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(item(&mended, "count")["state"], "succeeded");
    assert_eq!(project.lines("days"), ["5", "6"]);
}

#[test]
fn a_step_that_fails_for_now_is_tried_again_and_one_that_takes_too_long_is_ended() {
    let project = project();
    job(
        &project,
        "patient",
        r#"- name: shaky
  retry: {max_attempts: 3, first_delay: 10ms}
  exec: {command: [sh, -c, "echo x >> tries; [ $(wc -l < tries) -ge 3 ]"]}
- name: slow
  timeout: 300ms
  exec: {command: [sh, -c, "sleep 300 & echo $! > slow-pid; wait"], grace: 1s}
- name: wrong
  retry: {max_attempts: 3, first_delay: 10ms}
  exec: {command: [sh, -c, "echo x >> wrongs; exit 78"]}"#,
    );
    let started = Instant::now();
    let answer = project.tidegate(&["job", "launch", "patient"]);
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(
        answer.stderr.contains("error[attempt.timeout]"),
        "{}",
        answer.stderr
    );
    let shown = shown(&project, "latest");
    assert_eq!(item(&shown, "shaky")["state"], "succeeded");
    assert_eq!(item(&shown, "shaky")["attempts"].as_array().unwrap().len(), 3);
    assert_eq!(lines(&project.path("wrongs")).len(), 1);
    let pid = fs::read_to_string(project.path("slow-pid")).unwrap();
    assert!(!is_alive(&pid), "the child's child lives on");
}

#[test]
fn a_run_that_is_cancelled_ends_its_children_also_those_that_do_not_listen() {
    let project = project();
    job(
        &project,
        "deaf",
        r#"- name: listens
  exec: {command: [sh, -c, "trap 'echo told > told; exit 0' TERM; echo $$ > listens-pid; while :; do sleep 0.1; done"]}
- name: deaf
  exec: {command: [sh, -c, "trap '' TERM; sleep 300 & echo $! > child-pid; echo $$ > deaf-pid; while :; do sleep 0.1; done"], grace: 500ms}
- name: shell
  exec: {command: [sh, -c, "sh -c 'trap \"sleep 0.4; echo cleaned > cleaned; exit 0\" TERM; echo $$ > under-pid; while :; do sleep 0.1; done'; true"]}
- name: behind
  needs: [deaf]
  exec: {command: [touch, behind]}"#,
    );
    let run = project.json(&["job", "launch", "deaf", "--queue"])[0]["run"].clone();
    let run = run.as_str().unwrap();
    let server = Server::start(&project, &["--jobs", "4"]);
    let pids = ["listens-pid", "deaf-pid", "child-pid", "under-pid"].map(|file| {
        until("the child begins", || {
            Some(fs::read_to_string(project.path(file)).ok()?).filter(|text| text.ends_with('\n'))
        })
    });
    project.tidegate(&["runs", "cancel", run]).succeeded();
    until("the run ends", || {
        (shown(&project, run)["run"]["state"] == "cancelled").then_some(())
    });
    for pid in &pids {
        assert!(!is_alive(pid), "{pid} lives on");
    }
    server.stop();
    assert_eq!(lines(&project.path("told")), ["told"]);
    // Its shell was gone at once.
    assert_eq!(lines(&project.path("cleaned")), ["cleaned"]);
    let shown = shown(&project, run);
    assert_eq!(item(&shown, "behind")["state"], "skipped");
    assert!(!project.path("behind").exists());
}

#[test]
fn a_run_whose_worker_is_killed_goes_on_with_the_same_values_and_does_nothing_twice() {
    let project = project();
    job(
        &project,
        "killed",
        r#"- name: find
  exec: {command: [sh, -c, "echo x >> finds; echo \"[\\\"a-$$\\\", \\\"b-$$\\\"]\""]}
- name: each
  needs: [find]
  for_each: steps.find.result
  exec: {command: [sh, -c, "echo \"$1\" >> did", sh, "{{ item }}"]}
- name: long
  needs: [each]
  exec: {command: [sh, -c, "echo $$ >> long-pids; [ -e go ] || sleep 300; echo '{\"done\": true}'"], grace: 1s}
- name: after
  needs: [long]
  if: steps.long.result.done
  exec: {command: [touch, after]}"#,
    );
    let run = project.json(&["job", "launch", "killed", "--queue"])[0]["run"].clone();
    let run = run.as_str().unwrap();
    let server = Server::start(&project, &[]);
    let pid = until("the long step begins", || {
        lines(&project.path("long-pids")).first().cloned()
    });
    let before = shown(&project, run);
    server.kill();
    // What the killed worker began is ended, though nobody waits for it.
    until("the child is ended", || (!is_alive(&pid)).then_some(()));
    fs::write(project.path("go"), "").unwrap();
    let server = Server::start(&project, &[]);
    until("the run ends", || {
        (shown(&project, run)["run"]["state"] == "succeeded").then_some(())
    });
    server.stop();
    let after = shown(&project, run);
    assert_eq!(lines(&project.path("finds")).len(), 1);
    assert_eq!(lines(&project.path("did")).len(), 2);
    assert_eq!(lines(&project.path("long-pids")).len(), 2);
    assert_eq!(item(&after, "find")["result"], item(&before, "find")["result"]);
    assert_eq!(item(&after, "find")["attempts"].as_array().unwrap().len(), 1);
    let long = item(&after, "long")["attempts"].as_array().unwrap();
    assert_eq!(long[0]["error"]["code"], "attempt.lost", "{after:#}");
    assert!(project.path("after").exists());
}

#[test]
fn a_run_is_not_gone_on_with_where_its_job_has_other_steps_and_two_runs_do_not_wait_for_each_other() {
    let project = project();
    job(
        &project,
        "both",
        "- name: only\n  exec: {command: [sh, -c, \"[ -e mended ]\"]}",
    );
    project
        .tidegate(&["job", "launch", "both"])
        .failed(6, "step.exit");
    job(
        &project,
        "both",
        "- name: other\n  exec: {command: [sh, -c, \"while [ ! -e go ]; do echo $PPID-$$ >> waiting; sleep 0.1; done\"]}",
    );
    project
        .tidegate(&["runs", "retry"])
        .failed(2, "run.steps_changed");
    assert_eq!(project.last_state(), "failed");
    let mut first = project.start(&["job", "launch", "both"]);
    until("the first waits", || {
        project.path("waiting").exists().then_some(())
    });
    let second = project.start(&["job", "launch", "both"]);
    until("the second waits beside it", || {
        let waiting: BTreeSet<String> = lines(&project.path("waiting")).into_iter().collect();
        (waiting.len() == 2).then_some(())
    });
    assert!(first.try_wait().unwrap().is_none());
    fs::write(project.path("go"), "").unwrap();
    for mut child in [first, second] {
        assert!(child.wait().unwrap().success());
    }
}

/// Python with the package `dagster-pipes`.
fn python() -> String {
    std::env::var("TIDEGATE_TEST_PIPES_PYTHON").expect(
        "TIDEGATE_TEST_PIPES_PYTHON is not set: run `cargo xtask test`, which makes a Python for the tests",
    )
}

/// A script as Dagster's users write them; it knows nothing of Tidegate.
const SCRIPT: &str = r#"
from dagster_pipes import PipesContext, open_dagster_pipes
import sys

with open_dagster_pipes() as pipes:
    context = PipesContext.get()
    context.log.info("made for %s" % context.partition_key)
    context.log.warning("attempt %d of %s in %s" % (context.retry_number, context.job_name, context.run_id))
    if context.extras.get("item") == "bad":
        raise ValueError("this item is bad")
    context.report_asset_materialization(
        metadata={"rows": 3, "where": {"raw_value": "https://example.com", "type": "url"}}, data_version="v7"
    )
    context.report_asset_check(check_name="not_empty", passed=True, severity="WARN", metadata={"rows": 3})
    context.report_custom_message({"files": ["a", "b"]})
print("done", file=sys.stderr)
"#;

#[test]
fn a_script_of_dagster_pipes_runs_unchanged() {
    let project = project();
    project.write("make.py", SCRIPT);
    let python = python();
    job(
        &project,
        "pipes",
        &format!(
            "- name: make\n  exec: {{command: [\"{python}\", make.py], assets: [orders]}}\n\
             - name: each\n  needs: [make]\n  for_each: steps.make.result.files\n  \
               exec: {{command: [echo, \"[\\\"{{{{ item }}}}\\\"]\"]}}\n\
             - name: bad\n  needs: [make]\n  for_each: \"['bad']\"\n  \
               exec: {{command: [\"{python}\", make.py], assets: [orders]}}"
        ),
    );
    let answer = project
        .tidegate(&["job", "launch", "pipes", "--partition", "2024-01-05"])
        .failed(6, "step.exception");
    assert!(
        answer.stderr.contains("ValueError: this item is bad"),
        "{}",
        answer.stderr
    );
    let shown = shown(&project, "latest");
    assert_eq!(
        item(&shown, "make")["result"],
        json!({"files": ["a", "b"]}),
        "{shown:#}"
    );
    assert_eq!(items(&shown, "each").len(), 3);
    let reported: Vec<&Value> = shown["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["kind"] == "reported")
        .map(|event| &event["data"])
        .collect();
    assert_eq!(reported.len(), 2, "{shown:#}");
    assert_eq!(reported[0]["report"], "materialization");
    assert_eq!(reported[0]["asset_key"], "orders");
    assert_eq!(reported[0]["data_version"], "v7");
    assert_eq!(reported[0]["metadata"]["rows"]["raw_value"], 3);
    assert_eq!(reported[1]["report"], "check");
    assert_eq!(reported[1]["passed"], true);
    let log = project
        .tidegate(&["runs", "logs", "latest", "--step", "make"])
        .succeeded()
        .stdout;
    assert!(log.contains("info  pipes: made for 2024-01-05"), "{log}");
    assert!(log.contains("warn  pipes: attempt 0 of pipes in "), "{log}");
    assert!(log.contains("stderr: done"), "{log}");
    assert_eq!(fs::read_dir(project.path(".tidegate/pipes")).unwrap().count(), 0);
}
