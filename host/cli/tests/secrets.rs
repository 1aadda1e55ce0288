//! Secrets from every store reach who they are for, and nobody else: each that was planted is looked for in everything that
//! was printed, stored and written.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use support::answering::{Answering, Asked};
use support::{Answer, Project, tree};

const ENV: &str = "pl4nt-env-1a9c";
const FILE: &str = "pl4nt-file-2b8d";
const AWS: &str = "pl4nt-aws-whole-3c7e";
const AWS_KEY: &str = "pl4nt-aws-key-4d6f";
const VAULT: &str = "pl4nt-vault-6f40";
const BASIC: &str = "pl4nt-basic-5512";
const QUERY: &str = "pl4nt-query-70ab";
/// A word that every writer would write otherwise.
const POSTGRES: &str = "pl4nt\"pg/@:?#%&'81bc";
const S3: &str = "pl4nt/s3+key-92cd";
const S3_ACCESS: &str = "pl4nt-s3-access-a3de";
const CLICKHOUSE: &str = "pl4nt-ch-b4ef";
const CONFIG: &str = "pl4nt-config-c5f0";
/// What the stores themselves are asked with.
const AWS_SECRET: &str = "pl4nt-aws-login-d601";
const AWS_SESSION: &str = "pl4nt-aws-session-e712";
const VAULT_ROLE_SECRET: &str = "pl4nt-vault-role-f823";
const VAULT_TOKEN: &str = "pl4nt-vault-token-0934";
const STATE: &str = "pl4nt-state-1a45";

const PLANTED: [&str; 17] = [
    ENV,
    FILE,
    AWS,
    AWS_KEY,
    VAULT,
    BASIC,
    QUERY,
    POSTGRES,
    S3,
    S3_ACCESS,
    CLICKHOUSE,
    CONFIG,
    AWS_SECRET,
    AWS_SESSION,
    VAULT_ROLE_SECRET,
    VAULT_TOKEN,
    STATE,
];

/// `reader:` and [`BASIC`], as a request has it.
const BASIC_BASE64: &str = "cmVhZGVyOnBsNG50LWJhc2ljLTU1MTI=";

fn variable(name: &str) -> String {
    std::env::var(name).expect("`cargo xtask test` sets it")
}

fn unique() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("t{}_{now}", std::process::id())
}

/// Puts a secret into AWS Secrets Manager.
fn put_into_aws(name: &str, text: &str) {
    let url = variable("TIDEGATE_TEST_AWS_URL");
    let host = url.strip_prefix("http://").unwrap();
    let body =
        json!({"Name": name, "SecretString": text, "ClientRequestToken": format!("{name:-<32}")}).to_string();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: {host}\r\nx-amz-target: secretsmanager.CreateSecret\r\n\
         content-type: application/x-amz-json-1.1\r\nconnection: close\r\ncontent-length: {}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=t/20300101/eu-west-1/secretsmanager/aws4_request, \
         SignedHeaders=host, Signature=t\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert!(first.contains(" 200 "), "{first}{rest}");
}

/// A server of Vault's documented protocol: a login as an application, and secrets of a key-value store of version 2.
fn vault(secret: &'static str) -> Answering {
    Answering::start(move |asked| {
        if (asked.method.as_str(), asked.target.as_str()) == ("POST", "/v1/auth/approle/login") {
            let login: Value = serde_json::from_str(&asked.body).unwrap();
            assert_eq!(
                login,
                json!({"role_id": "tidegate", "secret_id": VAULT_ROLE_SECRET})
            );
            let auth =
                json!({"auth": {"client_token": VAULT_TOKEN, "lease_duration": 3600, "renewable": true}});
            return (200, auth.to_string());
        }
        assert_eq!(asked.header("x-vault-namespace"), "shop");
        let token = asked.header("x-vault-token");
        if token != VAULT_TOKEN || asked.target.ends_with("/closed") {
            // More than a Vault would say.
            let errors = format!("permission denied for {token}");
            return (403, json!({"errors": [errors]}).to_string());
        }
        match asked.target.as_str() {
            "/v1/secret/data/shop/api" => {
                let data = json!({"data": {"token": secret, "port": 5432}, "metadata": {"version": 2}});
                (200, json!({"data": data}).to_string())
            }
            _ => (404, json!({"errors": []}).to_string()),
        }
    })
}

/// An API that lets those in who have every secret, and repeats to all others what they sent.
fn api() -> Answering {
    Answering::start(|asked: &Asked| {
        let right = asked.header("x-env") == ENV
            && asked.header("x-file") == FILE
            && asked.header("x-aws") == AWS
            && asked.header("x-aws-key") == format!("{AWS_KEY} 5432")
            && asked.header("x-vault") == VAULT
            && asked.header("authorization") == format!("Basic {BASIC_BASE64}")
            && asked.target.contains(&format!("key={QUERY}"))
            && asked.target.contains(&format!("inner={CONFIG}"));
        if right && asked.target.starts_with("/v1/list") {
            (200, json!([{"id": 1}, {"id": 2}]).to_string())
        } else {
            (
                400,
                json!({"error": format!("{asked:?}"), "message": format!("{asked:?}")}).to_string(),
            )
        }
    })
}

struct Trial {
    project: Project,
    api: Answering,
    vault: Answering,
}

fn resource(project: &Project, name: &str, kind: &str, config: &str) {
    project.write(
        &format!("schemas/resources/{name}.yaml"),
        format!("apiVersion: tidegate/v1\nkind: Resource\nname: {name}\ntype: {kind}\nconfig: {config}\n"),
    );
}

fn trial() -> Trial {
    let (api, vault) = (api(), vault(VAULT));
    let name = unique();
    put_into_aws(&format!("{name}-whole"), AWS);
    put_into_aws(
        &format!("{name}-json"),
        &json!({"token": AWS_KEY, "port": 5432}).to_string(),
    );
    let project = Project::new()
        .with("TIDEGATE_SECRET_ENV", ENV)
        .with("TIDEGATE_SECRET_BASIC", BASIC)
        .with("TIDEGATE_SECRET_QUERY", QUERY)
        .with("TIDEGATE_SECRET_CONFIG", CONFIG)
        .with("TIDEGATE_SECRET_POSTGRES", POSTGRES)
        .with("TIDEGATE_SECRET_S3", S3)
        .with("TIDEGATE_SECRET_S3_ACCESS", S3_ACCESS)
        .with("TIDEGATE_SECRET_CLICKHOUSE", CLICKHOUSE)
        .with(
            "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            &variable("TIDEGATE_TEST_AWS_URL"),
        )
        .with("AWS_REGION", "eu-west-1")
        .with("AWS_ACCESS_KEY_ID", "tidegate")
        .with("AWS_SECRET_ACCESS_KEY", AWS_SECRET)
        .with("AWS_SESSION_TOKEN", AWS_SESSION)
        .with("VAULT_ADDR", &vault.url)
        .with("VAULT_NAMESPACE", "shop")
        .with("VAULT_ROLE_ID", "tidegate")
        .with("VAULT_SECRET_ID", VAULT_ROLE_SECRET);
    project.write("secrets/api", format!("{FILE}\n"));
    let url = &api.url;
    for (resource_name, path) in [("api", "list"), ("echo", "echo")] {
        let config = format!(
            "\n  plugin: rest@^0.1\n  config:\n    base_url: \"{url}/v1\"\n    query: {{inner: \"${{secret:CONFIG}}\"}}\n    \
             streams: {{list: {{path: /{path}, key: [id], fields: {{id: int64}}}}}}\n  http:\n    - url: \"{url}/v1/\"\n      \
             private: true\n      limits: {{retries: 0}}\n      query: {{key: \"${{secret:QUERY}}\"}}\n      \
             basic: {{user: reader, password: \"${{secret:BASIC}}\"}}\n      headers:\n        \
             X-Env: \"${{secret:ENV}}\"\n        X-File: \"${{secret:file:secrets/api}}\"\n        \
             X-Aws: \"${{secret:aws:{name}-whole}}\"\n        \
             X-Aws-Key: \"${{secret:aws:{name}-json#token}} ${{secret:aws:{name}-json#port}}\"\n        \
             X-Vault: \"${{secret:vault:secret/shop/api#token}}\""
        );
        resource(&project, resource_name, "plugin", &config);
    }
    for (asset, from) in [("listed", "api"), ("echoed", "echo")] {
        project.asset(
            asset,
            &format!(
                "source: {{resource: {from}, stream: list}}\ncolumns: [{{name: id, type: int64, key: true}}]\n\
                 destination: {{resource: lake, load: replace}}"
            ),
        );
    }
    Trial { project, api, vault }
}

/// Fails where a secret stands in a text, in any form that a writer gives it.
#[track_caller]
fn assert_clean(place: &str, text: &[u8]) {
    for secret in PLANTED {
        let quoted = Value::from(secret).to_string();
        let twice = Value::from(quoted.as_str()).to_string();
        let forms = [
            secret.to_owned(),
            quoted[1..quoted.len() - 1].to_owned(),
            twice[1..twice.len() - 1].to_owned(),
            secret.escape_debug().to_string(),
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            BASIC_BASE64.to_owned(),
        ];
        for form in forms {
            let found = text
                .windows(form.len())
                .position(|window| window == form.as_bytes());
            if let Some(at) = found {
                let around = &text[at.saturating_sub(200)..(at + 100).min(text.len())];
                panic!("{place} holds `{form}`:\n{}", String::from_utf8_lossy(around));
            }
        }
    }
}

/// Runs a command, for people and for programs; nothing that it prints may hold a secret.
#[track_caller]
fn clean(project: &Project, arguments: &[&str]) -> Answer {
    let plain = project.tidegate(arguments);
    let told = project.tidegate(&[arguments, &["--json"]].concat());
    for answer in [&plain, &told] {
        let place = arguments.join(" ");
        assert_clean(&place, answer.stdout.as_bytes());
        assert_clean(&place, answer.stderr.as_bytes());
    }
    plain
}

/// Everything that is shown of the runs so far, and everything that lies in the project's folder.
#[track_caller]
fn assert_nothing_kept(project: &Project) {
    let runs = project.json(&["runs", "list", "--limit", "1000"]);
    for run in runs.as_array().unwrap_or_else(|| panic!("{runs:#}")) {
        let id = run["id"].as_str().unwrap();
        clean(project, &["runs", "show", id]);
        clean(project, &["runs", "logs", id]);
    }
    for command in [
        &["runs", "list"][..],
        &["asset", "list"],
        &["plan", "listed"],
        &["quarantine", "list"],
        &["check"],
        &["state", "size"],
        &["plugin", "list"],
    ] {
        clean(project, command);
    }
    let export = project.path("export.jsonl");
    let _ = std::fs::remove_file(&export);
    project
        .tidegate(&["state", "export", export.to_str().unwrap()])
        .succeeded();
    let secrets = project.path("secrets");
    for path in tree(&project.path("")) {
        if !path.starts_with(&secrets) {
            assert_clean(&path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn a_secret_of_each_store_reaches_the_request_and_nothing_else() {
    let Trial { project, api, vault } = trial();
    // Documents are checked with no store but those that their plugins are bound with.
    clean(&project, &["check"]).succeeded();
    clean(&project, &["run", "listed"]).succeeded();
    assert_eq!(project.lines("listed"), ["1", "2"]);
    assert!(api.asked().iter().all(|asked| asked.header("x-vault") == VAULT));
    // The two references of AWS and the one of Vault are each asked for once in a process.
    let before = vault.asked().len();
    project.tidegate(&["run", "listed"]).succeeded();
    let asked: Vec<String> = vault.asked()[before..]
        .iter()
        .map(|asked| asked.target.clone())
        .collect();
    assert_eq!(asked, ["/v1/auth/approle/login", "/v1/secret/data/shop/api"]);

    let failed = clean(&project, &["run", "echoed"]);
    assert_ne!(failed.code, Some(0), "{failed:?}");
    assert!(!api.asked().is_empty());
    assert_nothing_kept(&project);

    // With a token of its own nobody logs in.
    let project = project.with("VAULT_TOKEN", VAULT_TOKEN);
    let before = vault.asked().len();
    project.tidegate(&["run", "listed"]).succeeded();
    let asked = vault.asked().split_off(before);
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked.method == "GET"));
}

/// Resources that cannot be used: wrong hosts, wrong logins, stores that do not give the secret.
fn unusable(project: &Project) -> Vec<(&'static str, &'static str)> {
    let postgres: url::Url = variable("TIDEGATE_TEST_POSTGRES_URL").parse().unwrap();
    let at = format!("{}:{}", postgres.host_str().unwrap(), postgres.port().unwrap());
    let s3 = variable("TIDEGATE_TEST_S3_URL");
    let mut made = Vec::new();
    let mut add = |name: &'static str, kind: &str, config: String, source: &str, code: &'static str| {
        resource(project, name, kind, &config);
        project.asset(
            &format!("of_{name}"),
            &format!(
                "source: {{resource: {name}, {source}}}\ncolumns: [{{name: id, type: int64}}]\n\
                 destination: {{resource: lake, load: replace}}\nretry: {{max_attempts: 1}}"
            ),
        );
        made.push((name, code));
    };
    let postgres = |url: &str, secret: &str| {
        format!("{{url: \"postgres://{url}\", user: nobody, password: \"${{secret:{secret}}}\"}}")
    };
    let table = "table: public.orders";
    add(
        "pg_down",
        "postgres",
        postgres("127.0.0.1:1/shop", "POSTGRES"),
        table,
        "postgres.",
    );
    add(
        "pg_login",
        "postgres",
        postgres(&format!("{at}/postgres"), "POSTGRES"),
        table,
        "postgres.",
    );
    add(
        "pg_name",
        "postgres",
        postgres("nowhere.invalid/shop", "POSTGRES"),
        table,
        "postgres.",
    );
    let bucket = |endpoint: &str, access: &str| {
        format!(
            "{{bucket: tests, endpoint: \"{endpoint}\", access_key: \"{access}\", secret_key: \"${{secret:S3}}\"}}"
        )
    };
    let path = "path: \"x.csv\"";
    add("s3_login", "s3", bucket(&s3, "tests"), path, "s3.");
    add("s3_access", "s3", bucket(&s3, "${secret:S3_ACCESS}"), path, "s3.");
    add(
        "s3_down",
        "s3",
        bucket("http://127.0.0.1:1", "tests"),
        path,
        "s3.",
    );
    let clickhouse = "{url: \"http://127.0.0.1:1\", user: nobody, password: \"${secret:CLICKHOUSE}\"}";
    add(
        "ch_down",
        "clickhouse",
        clickhouse.into(),
        "table: orders",
        "clickhouse.",
    );
    for (name, secret) in [
        ("aws_none", "aws:no-such-secret#key"),
        ("vault_none", "vault:secret/none#key"),
        ("vault_closed", "vault:secret/closed#key"),
        ("vault_key", "vault:secret/shop/api#other"),
    ] {
        add(
            name,
            "postgres",
            postgres(&format!("{at}/postgres"), secret),
            table,
            "secret.unavailable",
        );
    }
    made
}

#[test]
fn no_failure_of_any_connector_tells_a_secret() {
    let Trial { project, api, vault } = trial();
    let made = unusable(&project);
    let before = vault.asked().len();
    clean(&project, &["check", "--connect"]);
    assert!(vault.asked().len() > before, "the stores are asked");
    for (name, code) in made {
        let answer = clean(&project, &["run", &format!("of_{name}")]);
        assert_ne!(answer.code, Some(0), "{name}: {answer:?}");
        assert!(answer.stderr.contains(code), "{name}, {code}: {}", answer.stderr);
    }
    // A sensor's request, answered by what it sent, and by nobody.
    for (name, url, code) in [
        ("seen", format!("{}/v1/echo", api.url), 0),
        ("down", "http://127.0.0.1:1/".into(), 6),
    ] {
        project.write(
            &format!("schemas/sensors/{name}.yaml"),
            format!(
                "apiVersion: tidegate/v1\nkind: Sensor\nname: {name}\nselect: listed\nhttp: {{url: \"{url}\", private: true, \
                 headers: {{Authorization: \"Bearer ${{secret:vault:secret/shop/api#token}}\"}}, limits: {{retries: 0}}}}\n"
            ),
        );
        let answer = clean(&project, &["sensor", "preview", name]);
        assert_eq!(answer.code, Some(code), "{answer:?}");
    }
    let bearer = format!("Bearer {VAULT}");
    assert!(
        api.asked()
            .iter()
            .any(|asked| asked.header("authorization") == bearer)
    );
    assert_nothing_kept(&project);
}

#[test]
fn what_is_wrong_with_a_reference_is_told_where_it_stands() {
    let project = Project::new();
    project.write("in/small.csv", "id\n1\n");
    for (secret, said) in [
        ("file:secrets/none", "there is no such file"),
        ("vault:secret#key", "MOUNT/PATH"),
        ("vault:secret/x", "a key follows Vault's path"),
        ("gcp:x", "the stores are `file:`, `aws:` and `vault:`"),
        ("NONE", "TIDEGATE_SECRET_X"),
    ] {
        let config =
            format!("{{url: \"postgres://127.0.0.1:1/shop\", user: me, password: \"${{secret:{secret}}}\"}}");
        resource(&project, "shop", "postgres", &config);
        project.asset(
            "small",
            "source: {resource: raw, path: small.csv}\ncolumns: [{name: id, type: int64}]\n\
             destination: {resource: shop, load: replace}\nretry: {max_attempts: 2, first_delay: 10ms}",
        );
        let answer = project.tidegate(&["check"]).failed(3, "schema.reference");
        assert!(answer.stderr.contains(said), "{said}: {}", answer.stderr);
        assert!(answer.stderr.contains("shop.yaml:5"), "{}", answer.stderr);
    }
    // Nobody is asked for one of Vault while documents are checked; a run says what is missing.
    let config = "{url: \"postgres://127.0.0.1:1/shop\", user: me, password: \"${secret:vault:secret/x#y}\"}";
    resource(&project, "shop", "postgres", config);
    project.tidegate(&["check"]).succeeded();
    let answer = project.tidegate(&["run", "small"]);
    assert!(
        answer.stderr.contains("VAULT_ADDR is not set"),
        "{}",
        answer.stderr
    );

    // One that does not answer may do so later.
    let project = project
        .with("VAULT_ADDR", "http://127.0.0.1:1")
        .with("VAULT_TOKEN", VAULT_TOKEN);
    let told = project.tidegate(&["run", "small"]);
    assert!(told.stderr.contains("127.0.0.1:1"), "{}", told.stderr);
    let runs = project.json(&["runs", "list"]);
    let shown = project.json(&["runs", "show", runs[0]["id"].as_str().unwrap()]);
    let attempts = shown["partitions"][0]["attempts"].as_array().unwrap();
    assert_eq!(attempts[0]["error"]["code"], "secret.unavailable", "{shown:#}");
    assert_eq!(attempts[0]["error"]["retry"], "later", "{shown:#}");
    assert_eq!(attempts.len(), 2, "it is tried again: {shown:#}");
}

#[tokio::test]
async fn state_in_postgres_holds_no_secret_either() {
    let Trial { project, .. } = trial();
    let schema = format!("secrets_{}", unique());
    let address = tokio::task::spawn_blocking({
        let schema = schema.clone();
        move || support::database::database(&schema)
    })
    .await
    .unwrap();
    let with_password = |url: &str| url.replacen('@', &format!(":{STATE}@"), 1);
    let project = project.with("TIDEGATE_STATE", &with_password(&address));
    clean(&project, &["run", "listed"]).succeeded();
    assert_ne!(clean(&project, &["run", "echoed"]).code, Some(0));
    assert_nothing_kept(&project);

    let mut connection = PgConnection::connect(&support::database::postgres_url())
        .await
        .unwrap();
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = $1")
            .bind(&schema)
            .fetch_all(&mut connection)
            .await
            .unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    for table in tables {
        let query = format!("SELECT to_jsonb(t)::text FROM {schema}.{table} t");
        for row in sqlx::query(AssertSqlSafe(query))
            .fetch_all(&mut connection)
            .await
            .unwrap()
        {
            assert_clean(&table, row.get::<String, _>(0).as_bytes());
        }
    }

    // A state that is not there, or does not let one in.
    let down = with_password("postgres://postgres@127.0.0.1:1/postgres");
    let project = project.with("TIDEGATE_STATE", &down);
    assert_ne!(clean(&project, &["runs", "list"]).code, Some(0));
    let project = project.with(
        "TIDEGATE_STATE",
        &with_password("postgres://nobody@nowhere.invalid/postgres"),
    );
    assert_ne!(clean(&project, &["runs", "list"]).code, Some(0));
}
