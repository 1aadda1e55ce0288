//! Notifications from YAML to a receiver: what is told once, what is told again, and what a dead endpoint or a kill changes.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use support::Project;
use support::answering::{Answering, Asked};
use support::mail::MailServer;
use support::server::Server;

/// A key to sign with, and what must be seen nowhere.
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "a-token-of-the-hook";

fn notification(project: &Project, name: &str, text: &str) {
    project.write(
        &format!("schemas/notifications/{name}.yaml"),
        format!("apiVersion: tidegate/v1\nkind: Notification\nname: {name}\n{text}\n"),
    );
}

/// Tells of runs to a path of a server.
fn hook(project: &Project, name: &str, url: &str, more: &str) {
    notification(
        project,
        name,
        &format!(
            "on: [run_failed, run_recovered]\n{more}\nwebhook:\n  url: \"{url}\"\n  private: true\n  \
             headers: {{authorization: \"Bearer ${{secret:TOKEN}}\"}}\n  sign_with: \"${{secret:KEY}}\""
        ),
    );
}

fn receiver() -> Answering {
    Answering::start(|_| (200, "{}".into()))
}

/// A project with the asset `small`, and its secrets.
fn project() -> Project {
    Project::small()
        .with("TIDEGATE_SECRET_KEY", KEY)
        .with("TIDEGATE_SECRET_TOKEN", TOKEN)
}

#[track_caller]
fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until every notification is known to the store, and so begins.
#[track_caller]
fn begins(project: &Project) {
    until("the notifications are known", || {
        let listed = project.json(&["notification", "list"]);
        let listed = listed.as_array().unwrap();
        listed.iter().all(|each| !each["record"].is_null()).then_some(())
    });
}

fn history(project: &Project) -> Vec<Value> {
    let history = project.json(&["notification", "history", "--limit", "1000"]);
    history.as_array().unwrap().clone()
}

/// Waits for so many requests, and some time more for others that must not come.
#[track_caller]
fn requests(receiver: &Answering, many: usize) -> Vec<Asked> {
    until("every message comes", || {
        (receiver.asked().len() >= many).then_some(())
    });
    std::thread::sleep(Duration::from_millis(2_500));
    let asked = receiver.asked();
    assert_eq!(asked.len(), many, "{asked:#?}");
    asked
}

fn body(asked: &Asked) -> Value {
    serde_json::from_str(&asked.body).unwrap()
}

fn breaks(project: &Project) {
    std::fs::remove_file(project.path("in/small.csv")).unwrap();
    project.tidegate(&["run", "small"]).failed(6, "file.not_found");
}

fn works(project: &Project) {
    project.write("in/small.csv", "id\n1\n2\n");
    project.tidegate(&["run", "small"]).succeeded();
}

fn fails_again(project: &Project) {
    project.tidegate(&["run", "small"]).failed(6, "file.not_found");
}

/// Nothing that the project keeps or a receiver got in its body holds a secret.
#[track_caller]
fn assert_hidden(project: &Project, secrets: &[&str]) {
    for path in support::tree(&project.path(".tidegate")) {
        let bytes = std::fs::read(&path).unwrap();
        for secret in secrets {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} is in {}", path.display());
        }
    }
}

fn signed(asked: &Asked) -> String {
    let key = STANDARD.decode(KEY.trim_start_matches("whsec_")).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let (id, at) = (asked.header("webhook-id"), asked.header("webhook-timestamp"));
    mac.update(format!("{id}.{at}.{}", asked.body).as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[test]
fn a_failure_is_told_once_and_so_is_its_end() {
    let receiver = receiver();
    let project = project();
    hook(
        &project,
        "on-call",
        &format!("{}/hook?way=fast", receiver.url),
        "",
    );
    // What is not watched, and what is not enabled.
    hook(&project, "others", &receiver.url, "jobs: [nightly]");
    hook(&project, "off", &receiver.url, "enabled: false");
    project.write(
        "schemas/jobs/nightly.yaml",
        "apiVersion: tidegate/v1\nkind: Job\nname: nightly\nselect: small\n",
    );
    project.tidegate(&["check"]).succeeded();
    // From before the notification is known: none of its business.
    breaks(&project);
    let server = Server::start(&project, &["--roles", "daemon"]);
    until("the notifications are known", || {
        let listed = project.json(&["notification", "list"]);
        let known = |at: usize| !listed[at]["record"].is_null();
        (known(1) && known(2)).then_some(())
    });
    assert!(project.json(&["notification", "list"])[0]["record"].is_null());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(receiver.asked().len(), 0);
    fails_again(&project);
    fails_again(&project);
    let asked = requests(&receiver, 1);
    let first = body(&asked[0]);
    assert_eq!(first["type"], "run_failed");
    assert_eq!(first["data"]["asset"], "small");
    assert_eq!(first["data"]["error"]["code"], "file.not_found");
    assert_eq!(first["data"]["project"], "trial");
    let run = first["data"]["run"].as_str().unwrap();
    assert_eq!(project.json(&["runs", "show", run])["run"]["state"], "failed");
    assert_eq!(
        (asked[0].method.as_str(), asked[0].target.as_str()),
        ("POST", "/hook?way=fast")
    );
    assert_eq!(asked[0].header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(asked[0].header("webhook-signature"), signed(&asked[0]));

    works(&project);
    works(&project);
    let asked = requests(&receiver, 2);
    let second = body(&asked[1]);
    assert_eq!(second["type"], "run_recovered");
    assert_eq!(second["data"]["failures"], 2);
    assert_eq!(second["data"]["error"], Value::Null);
    assert_eq!(asked[1].header("webhook-signature"), signed(&asked[1]));
    assert_ne!(asked[0].header("webhook-id"), asked[1].header("webhook-id"));

    // A new failure is a new incident.
    breaks(&project);
    requests(&receiver, 3);
    server.stop();
    let history = history(&project);
    let events: Vec<&str> = history
        .iter()
        .map(|each| each["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["run_failed", "run_recovered", "run_failed"]);
    for each in &history {
        assert_eq!(
            (&each["state"], &each["attempts"], &each["notification"]),
            (&"delivered".into(), &1.into(), &"on-call".into()),
            "{each:#}"
        );
    }
    assert_eq!(history[2]["id"], asked[0].header("webhook-id"));
    assert_hidden(&project, &[KEY, TOKEN]);
}

#[test]
fn a_job_is_told_as_a_job_and_slices_of_one_asset_together() {
    let receiver = receiver();
    let project = project();
    hook(
        &project,
        "jobs",
        &format!("{}/jobs", receiver.url),
        "jobs: [nightly]",
    );
    hook(
        &project,
        "assets",
        &format!("{}/assets", receiver.url),
        "select: days",
    );
    project.asset(
        "days",
        "source: {resource: raw, path: \"days/{partition}.csv\"}\n\
         columns: [{name: id, type: int64}]\npartitions: {static: {keys: [a, b]}}\n\
         destination: {resource: lake, load: replace_partition}",
    );
    project.write(
        "schemas/jobs/nightly.yaml",
        "apiVersion: tidegate/v1\nkind: Job\nname: nightly\nselect: [days, small]\npartition: none\n",
    );
    project.tidegate(&["check"]).succeeded();
    let server = Server::start(&project, &["--roles", "daemon"]);
    begins(&project);
    project
        .tidegate(&["job", "launch", "nightly"])
        .failed(6, "file.not_found");
    let asked = requests(&receiver, 2);
    let of = |asked: &[Asked], path: &str| {
        let found = asked.iter().rfind(|each| each.target == path);
        body(found.unwrap())["data"].clone()
    };
    let job = of(&asked, "/jobs");
    assert_eq!((&job["job"], &job["asset"]), (&"nightly".into(), &Value::Null));
    let days = of(&asked, "/assets");
    assert_eq!((&days["asset"], &days["slices"]), (&"days".into(), &2.into()));
    assert_eq!(days["partitions"], serde_json::json!(["a", "b"]));

    // One slice of two is well again, and the job is not.
    project.write("in/days/a.csv", "id\n1\n");
    project.tidegate(&["run", "days", "--partition", "a"]).succeeded();
    let asked = requests(&receiver, 3);
    assert_eq!(body(&asked[2])["type"], "run_recovered");
    assert_eq!(of(&asked, "/assets")["partitions"], serde_json::json!(["a"]));
    project.write("in/days/b.csv", "id\n1\n");
    project.tidegate(&["job", "launch", "nightly"]).succeeded();
    let asked = requests(&receiver, 5);
    assert_eq!(of(&asked, "/jobs")["job"], "nightly");
    assert_eq!(of(&asked, "/assets")["partitions"], serde_json::json!(["b"]));
    server.stop();
}

#[test]
fn a_dead_endpoint_holds_up_no_other_and_gets_its_messages_in_order_when_it_is_back() {
    let well = receiver();
    let status = Arc::new(AtomicU16::new(503));
    let said = status.clone();
    let ill = Answering::start(move |_| (said.load(Ordering::Relaxed), format!("no, {TOKEN}")));
    // A port that takes connections and answers nothing, and one that nobody listens on.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let project = project();
    hook(&project, "well", &well.url, "");
    hook(&project, "ill", &ill.url, "");
    let silent_url = format!("http://{}/", silent.local_addr().unwrap());
    hook(&project, "silent", &silent_url, "");
    hook(&project, "nobody", &format!("http://{nobody}/"), "");
    let mut server = Server::start(&project, &["--roles", "daemon"]);
    begins(&project);
    breaks(&project);
    requests(&well, 1);
    works(&project);
    requests(&well, 2);
    // The leader is killed with messages under way: the next one sends them, each once.
    until("it is tried again", || (ill.asked().len() >= 2).then_some(()));
    server.kill();
    server = Server::start(&project, &["--roles", "daemon"]);
    let tried = ill.asked().len();
    until("it is tried by the next leader", || {
        (ill.asked().len() > tried).then_some(())
    });
    let error = |name: &str| {
        let history = history(&project);
        let found = history.iter().rfind(|each| each["notification"] == name);
        found.unwrap()["error"].clone()
    };
    let refused = error("ill");
    assert_eq!(refused["code"], "notification.status", "{refused:#}");
    assert!(
        refused["message"].as_str().unwrap().contains("no, ***"),
        "{refused:#}"
    );
    assert_eq!(error("nobody")["code"], "http.fetch");
    status.store(200, Ordering::Relaxed);
    until("both messages are delivered", || {
        let delivered = history(&project);
        let delivered = delivered
            .iter()
            .filter(|each| each["notification"] == "ill" && each["state"] == "delivered");
        (delivered.count() == 2).then_some(())
    });
    let asked = ill.asked();
    let ids: BTreeSet<&str> = asked.iter().map(|each| each.header("webhook-id")).collect();
    assert_eq!(ids.len(), 2);
    // The end of the failure is told behind the failure, once.
    let events: Vec<Value> = asked.iter().map(|each| body(each)["type"].clone()).collect();
    let (last, rest) = events.split_last().unwrap();
    assert_eq!(last, "run_recovered");
    assert!(rest.iter().all(|event| event == "run_failed"), "{events:?}");
    // Bodies are the same each time; the time in the signature is not.
    let bodies: BTreeSet<&str> = asked.iter().map(|each| each.body.as_str()).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(well.asked().len(), 2);
    server.stop();
    assert_hidden(&project, &[KEY, TOKEN]);
}

#[test]
fn what_a_receiver_refuses_is_given_up_at_once_and_what_is_taken_away_too() {
    let refuses = Answering::start(|_| (404, "nobody".into()));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let project = project();
    hook(&project, "wrong", &refuses.url, "");
    hook(&project, "gone", &format!("http://{nobody}/"), "");
    let server = Server::start(&project, &["--roles", "daemon"]);
    begins(&project);
    breaks(&project);
    let state = |name: &str| {
        let history = history(&project);
        let found = history.iter().find(|each| each["notification"] == name);
        let found = found.cloned().unwrap_or_default();
        (found["state"].clone(), found["error"]["code"].clone())
    };
    until("it is given up", || (state("wrong").0 == "failed").then_some(()));
    assert_eq!(state("wrong").1, "notification.refused");
    until("it is tried", || (state("gone").1 == "http.fetch").then_some(()));
    assert_eq!(state("gone").0, "pending");
    server.stop();
    std::fs::remove_file(project.path("schemas/notifications/gone.yaml")).unwrap();
    let server = Server::start(&project, &["--roles", "daemon"]);
    until("it is forgotten", || (state("gone").0 == "failed").then_some(()));
    assert_eq!(state("gone").1, "notification.gone");
    server.stop();
    assert_eq!(refuses.asked().len(), 1);
}

#[test]
fn checks_and_freshness_are_told() {
    let receiver = receiver();
    let project = project();
    project.asset(
        "numbers",
        "source: {resource: raw, path: numbers.csv}\ncolumns: [{name: id, type: int64}]\n\
         destination: {resource: lake, load: replace}\nfreshness: {within: 8s}\n\
         checks:\n  - {unique: id, name: ids, blocking: false}\n  \
         - {row_count: {min: 3}, name: many, severity: warn}",
    );
    project.write("in/numbers.csv", "id\n1\n1\n");
    notification(
        &project,
        "quality",
        &format!(
            "on: [check_failed, check_warned, check_recovered, freshness_failed, freshness_recovered]\n\
             select: numbers\nwebhook: {{url: \"{}\", private: true}}",
            receiver.url
        ),
    );
    let server = Server::start(&project, &["--roles", "daemon"]);
    begins(&project);
    project.tidegate(&["run", "numbers"]);
    let types = |receiver: &Answering| -> Vec<String> {
        let asked = receiver.asked();
        let told = asked.iter().map(|each| {
            let body = body(each);
            let check = body["data"]["check"].as_str().unwrap_or("-").to_owned();
            format!("{} {check}", body["type"].as_str().unwrap())
        });
        told.collect()
    };
    until("the checks are told", || {
        (types(&receiver).len() >= 2).then_some(())
    });
    assert_eq!(types(&receiver)[..2], ["check_failed ids", "check_warned many"]);
    let failed = body(&receiver.asked()[0])["data"].clone();
    assert_eq!(
        (&failed["severity"], &failed["asset"]),
        (&"error".into(), &"numbers".into())
    );
    assert!(!failed["message"].as_str().unwrap().is_empty());
    until("it is late", || (types(&receiver).len() >= 3).then_some(()));
    assert_eq!(types(&receiver)[2], "freshness_failed -");
    assert!(!body(&receiver.asked()[2])["data"]["due_at"].is_null());
    project.write("in/numbers.csv", "id\n1\n2\n3\n");
    project.tidegate(&["run", "numbers"]).succeeded();
    until("all is well", || (types(&receiver).len() >= 6).then_some(()));
    let mut rest = types(&receiver)[3..6].to_vec();
    rest.sort();
    assert_eq!(
        rest,
        [
            "check_recovered ids",
            "check_recovered many",
            "freshness_recovered -"
        ]
    );
    server.stop();
    assert_eq!(receiver.asked()[0].header("webhook-signature"), "");
}

#[test]
fn slack_and_mail_are_told_and_no_secret_is_seen() {
    const PASSWORD: &str = "a-password-of-the-mail-server";
    let receiver = receiver();
    let mail = MailServer::start();
    let secret_url = format!("{}/services/T0/B0/a-secret-path", receiver.url);
    let project = project()
        .with("TIDEGATE_SECRET_SLACK", &secret_url)
        .with("TIDEGATE_SECRET_MAIL", PASSWORD);
    notification(
        &project,
        "chat",
        "on: [run_failed]\nslack: {url: \"${secret:SLACK}\", private: true}",
    );
    notification(
        &project,
        "mail",
        &format!(
            "on: [run_failed, run_recovered]\nemail:\n  to: [\"Operations <ops@example.com>\", b@example.com]\n  \
             from: tidegate@example.com\n  smtp: {{host: 127.0.0.1, port: {}, tls: none, user: robot, \
             password: \"${{secret:MAIL}}\"}}",
            mail.port
        ),
    );
    project.tidegate(&["check"]).succeeded();
    let server = Server::start(&project, &["--roles", "daemon"]);
    begins(&project);
    project.write("in/small.csv", "id\n<!channel>\n");
    project.tidegate(&["run", "small"]);
    let asked = requests(&receiver, 1);
    assert_eq!(asked[0].target, "/services/T0/B0/a-secret-path");
    let told = body(&asked[0]);
    let text = told["text"].as_str().unwrap();
    assert!(text.starts_with("asset small failed: "), "{text}");
    assert!(!text.contains("<!channel>"), "{text}");
    assert_eq!(told["blocks"][0]["text"]["text"], text);
    let mails = until("the mail is taken", || {
        Some(mail.mails()).filter(|mails| !mails.is_empty())
    });
    let first = &mails[0];
    assert_eq!(
        STANDARD.decode(&first.login).unwrap(),
        format!("\0robot\0{PASSWORD}").as_bytes()
    );
    assert_eq!(first.from, "FROM:<tidegate@example.com>");
    assert_eq!(first.to, ["TO:<ops@example.com>", "TO:<b@example.com>"]);
    let text = first.lines.join("\n");
    let history = history(&project);
    let of = |name: &str| history.iter().find(|each| each["notification"] == name).unwrap();
    let id = of("mail")["id"].as_str().unwrap();
    assert!(
        text.contains(&format!("Message-ID: <{id}@example.com>")),
        "{text}"
    );
    assert!(text.contains("Subject: [trial] asset small failed"), "{text}");

    // Tests of the channels are messages, and no history.
    let tested = project.tidegate(&["notification", "test", "chat"]).succeeded();
    assert!(tested.stdout.contains("with status 200"), "{}", tested.stdout);
    assert!(
        receiver.asked()[1]
            .body
            .contains("a test of the notification chat")
    );
    let tested = project.json(&["notification", "test", "mail"]);
    assert_eq!(tested["answer"], "taken");
    assert_eq!(mail.mails().len(), 2);
    project
        .tidegate(&["notification", "test", "chta"])
        .failed(2, "notification.unknown");
    server.stop();
    assert_eq!(crate::history(&project).len(), 2);
    assert_hidden(&project, &[PASSWORD, "a-secret-path"]);

    // Nobody is there any more, and the server of mail offers no TLS: neither URL nor password is told, and none is sent.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let secret_url = format!("http://{nobody}/services/T0/B0/a-secret-path");
    let project = project.with("TIDEGATE_SECRET_SLACK", &secret_url);
    let refused = project
        .tidegate(&["notification", "test", "chat"])
        .failed(6, "http.fetch");
    assert!(!refused.stderr.contains("a-secret-path"), "{}", refused.stderr);
    let before = mail.mails().len();
    notification(
        &project,
        "mail",
        &format!(
            "on: [run_failed]\nemail:\n  to: ops@example.com\n  from: tidegate@example.com\n  \
             smtp: {{host: 127.0.0.1, port: {}, user: robot, password: \"${{secret:MAIL}}\"}}",
            mail.port
        ),
    );
    let refused = project
        .tidegate(&["notification", "test", "mail"])
        .failed(6, "notification.smtp");
    assert!(!refused.stderr.contains(PASSWORD), "{}", refused.stderr);
    assert_eq!(mail.mails().len(), before);
}
