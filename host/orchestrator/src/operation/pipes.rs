//! Dagster Pipes: how a child process that uses the `dagster-pipes` package is told of its surroundings, and tells what it
//! did. The package's own defaults are spoken: two variables with where the context lies and where messages go, each as
//! base64 of zlib of JSON; a message is a line of JSON in a file.

use std::fs::{DirBuilder, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tidegate_core::Result;
use tidegate_core::plan::AssetName;
use tidegate_core::port::{AttemptKey, Event, EventKind, StateStore};
use tidegate_plugin::{LogLevel, LogLine, LogSink, Secrets};

use crate::engine::AttemptLog;
use crate::run::fenced;

/// The longest message, in bytes.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// What is read of messages at once, in bytes.
const READ_BYTES: u64 = 4 << 20;

/// The most reports of one attempt that become events.
const MAX_REPORTS: u64 = 1_000;

/// What is kept of the message of an exception, in characters; the log has the rest.
const MAX_EXCEPTION_CHARS: usize = 2_000;

/// What a script is told.
pub(super) struct PipesContext<'a> {
    pub(super) assets: &'a [String],
    pub(super) scope: &'a Value,
    pub(super) job: &'a AssetName,
}

/// The two ways between host and child.
pub(super) struct Pipes<'a> {
    /// Gone with this.
    folder: PathBuf,
    key: &'a AttemptKey,
    state: Arc<dyn StateStore>,
    log: Arc<AttemptLog>,
    secrets: Secrets,
    messages: File,
    /// What was read of a line that has not ended.
    rest: Vec<u8>,
    opened: bool,
    closed: bool,
    exception: Option<String>,
    custom: Option<Value>,
    reports: u64,
}

#[derive(Deserialize)]
struct Message {
    method: String,
    #[serde(default)]
    params: Option<Map<String, Value>>,
}

impl<'a> Pipes<'a> {
    /// Makes the ways, in a folder of the attempt's own that nobody else can read.
    pub(super) fn open(
        below: &Path,
        key: &'a AttemptKey,
        context: &PipesContext<'_>,
        state: Arc<dyn StateStore>,
        log: Arc<AttemptLog>,
        secrets: Secrets,
    ) -> std::io::Result<Self> {
        std::fs::create_dir_all(below)?;
        let of = |attempt: u32| {
            let name = format!("{}-{}-{}-{attempt}", key.run, key.asset, key.partition);
            below.join(name.replace('#', ""))
        };
        // What attempts have left behind whose workers were killed.
        for attempt in 1..key.attempt {
            let _ = std::fs::remove_dir_all(of(attempt));
        }
        let folder = of(key.attempt);
        DirBuilder::new().mode(0o700).create(&folder)?;
        let run = &context.scope["run"];
        let mut extras = Map::new();
        for name in ["item", "index", "steps"] {
            if let Some(value) = context.scope.get(name) {
                extras.insert(name.to_owned(), value.clone());
            }
        }
        // Of a key that the script is not told the package makes an error, so every one is there.
        let nothing = |_: &String| Value::Null;
        let by_asset = |value: fn(&String) -> Value| -> Value {
            let entries = context.assets.iter().map(|asset| (asset.clone(), value(asset)));
            Value::Object(entries.collect())
        };
        let known = !context.assets.is_empty();
        let data = json!({
            "asset_keys": known.then_some(context.assets),
            "code_version_by_asset_key": known.then(|| by_asset(nothing)),
            "provenance_by_asset_key": known.then(|| by_asset(nothing)),
            "partition_key": run["partition"],
            "partition_key_range": run["partition"].as_str().map(|key| json!({"start": key, "end": key})),
            "partition_time_window": null,
            "run_id": key.run,
            "job_name": context.job,
            "retry_number": key.attempt.saturating_sub(1),
            "extras": extras,
        });
        std::fs::write(folder.join("context.json"), data.to_string())?;
        let path = folder.join("messages.jsonl");
        File::create(&path)?;
        Ok(Self {
            messages: File::open(&path)?,
            folder,
            key,
            state,
            log,
            secrets,
            rest: Vec::new(),
            opened: false,
            closed: false,
            exception: None,
            custom: None,
            reports: 0,
        })
    }

    /// The variables that tell the child of them.
    pub(super) fn environment(&self) -> [(&'static str, String); 2] {
        let path = |name: &str| encoded(&json!({"path": self.folder.join(name)}));
        [
            ("DAGSTER_PIPES_CONTEXT", path("context.json")),
            ("DAGSTER_PIPES_MESSAGES", path("messages.jsonl")),
        ]
    }

    /// Reads the messages that have come since the last time. An error is one of the state, or that the attempt was taken
    /// over; a message that cannot be read is told in the log.
    pub(super) async fn read(&mut self) -> Result<()> {
        loop {
            let mut chunk = Vec::new();
            let start = self.messages.stream_position().unwrap_or(0);
            let read = (&self.messages).take(READ_BYTES).read_to_end(&mut chunk);
            if let Err(error) = read {
                let _ = self.messages.seek(SeekFrom::Start(start));
                self.log
                    .say(LogLevel::Warn, format!("messages cannot be read: {error}"));
                return Ok(());
            }
            if chunk.is_empty() {
                return Ok(());
            }
            self.rest.extend(chunk);
            let mut events = Vec::new();
            let whole = self.rest.iter().rposition(|byte| *byte == b'\n');
            let lines: Vec<u8> = self.rest.drain(..whole.map_or(0, |end| end + 1)).collect();
            for line in lines.split(|byte| *byte == b'\n') {
                events.extend(self.take(line));
            }
            if self.rest.len() > MAX_MESSAGE_BYTES {
                self.rest.clear();
                let message = format!("a message of more than {MAX_MESSAGE_BYTES} bytes is dropped");
                self.log.say(LogLevel::Warn, message);
            }
            if !self.state.append_events(&events).await? {
                return Err(fenced(self.key));
            }
        }
    }

    /// Takes a message; answers the event of one that reports something.
    fn take(&mut self, line: &[u8]) -> Option<Event> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return None;
        }
        let message = match serde_json::from_slice::<Message>(line) {
            Ok(message) if line.len() <= MAX_MESSAGE_BYTES => message,
            Ok(_) => {
                self.log
                    .say(LogLevel::Warn, "a message that is too long is dropped");
                return None;
            }
            Err(error) => {
                self.log.say(
                    LogLevel::Warn,
                    format!("a line is no message of Dagster Pipes: {error}"),
                );
                return None;
            }
        };
        let params = Value::Object(message.params.unwrap_or_default());
        let params = self.secrets.redact_value(params);
        match message.method.as_str() {
            "opened" => self.opened = true,
            "closed" => {
                self.closed = true;
                self.exception = exception(&params["exception"]);
            }
            "log" => self.say(level(params["level"].as_str()), text(&params["message"])),
            "log_external_stream" => self.say(LogLevel::Info, text(&params["text"])),
            "report_custom_message" => self.custom = Some(params["payload"].clone()),
            "report_asset_materialization" => return self.report("materialization", params),
            "report_asset_check" => return self.report("check", params),
            other => {
                let other = other.escape_debug().to_string();
                self.say(LogLevel::Warn, format!("a message `{other}` is not known"));
            }
        }
        None
    }

    fn report(&mut self, what: &str, params: Value) -> Option<Event> {
        self.reports += 1;
        let asset = text(&params["asset_key"]);
        if self.reports > MAX_REPORTS {
            if self.reports == MAX_REPORTS + 1 {
                let message = format!("more than {MAX_REPORTS} reports: the others are in no event");
                self.log.say(LogLevel::Warn, message);
            }
            return None;
        }
        self.log
            .say(LogLevel::Info, format!("reports a {what} of `{asset}`"));
        let mut data = params;
        data["report"] = Value::from(what);
        Some(Event {
            run: self.key.run,
            asset: Some(self.key.asset.clone()),
            partition: Some(self.key.partition.clone()),
            attempt: Some(self.key.attempt),
            kind: EventKind::Reported,
            data,
            at: Utc::now(),
        })
    }

    fn say(&self, level: LogLevel, message: String) {
        self.log.line(LogLine {
            step: "pipes".to_owned(),
            level,
            message,
            fields: Vec::new(),
        });
    }

    /// The child has ended.
    pub(super) fn end(&self, well: bool) {
        if self.opened && !self.closed && well {
            self.log.say(
                LogLevel::Warn,
                "the script opened Dagster Pipes and did not close it: what it told last may be lost",
            );
        }
    }

    /// What the script failed of, as it told it.
    pub(super) fn failure(&self) -> Option<String> {
        self.exception.clone()
    }

    /// The last custom message.
    pub(super) fn result(&self) -> Option<Value> {
        self.custom.clone()
    }
}

impl Drop for Pipes<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn text(value: &Value) -> String {
    tidegate_core::plan::plain(value)
}

fn level(word: Option<&str>) -> LogLevel {
    match word.unwrap_or_default() {
        "DEBUG" => LogLevel::Debug,
        "WARNING" => LogLevel::Warn,
        "ERROR" | "CRITICAL" => LogLevel::Error,
        _ => LogLevel::Info,
    }
}

fn exception(told: &Value) -> Option<String> {
    let message = told.get("message")?.as_str()?.trim();
    let message: String = message.chars().take(MAX_EXCEPTION_CHARS).collect();
    Some(match told["name"].as_str() {
        Some(name) if !message.starts_with(name) => format!("{name}: {message}"),
        _ => message,
    })
}

/// As the package reads parameters. Writing to memory does not fail.
fn encoded(params: &Value) -> String {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    let _ = zlib.write_all(params.to_string().as_bytes());
    STANDARD.encode(zlib.finish().unwrap_or_default())
}
