//! Makes the requests that its config says, and tells what came of them: as JSON in `made`, a utf8 column.

use std::fmt::Write as _;

use tidegate_sdk::http;
use tidegate_sdk::prelude::*;

/// What to do with each batch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    ask: Vec<Ask>,
    /// Gives up with the first fault, in place of telling it.
    #[serde(default)]
    give_up: bool,
    /// Gives up with the last fault once all is asked, and takes every fault for one that may pass.
    #[serde(default)]
    hope: bool,
    /// Sleeps for so long when all is asked, in milliseconds.
    #[serde(default)]
    sleep_ms: u64,
}

/// A request.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ask {
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// The size of the body.
    #[serde(default)]
    body_bytes: usize,
    /// Asks for the `location` of the answer, up to so many times.
    #[serde(default)]
    follow: u32,
}

fn get() -> String {
    "GET".into()
}

/// What a plugin sees of its surroundings, in one text.
fn surroundings() -> String {
    let mut seen = String::new();
    for (name, value) in std::env::vars() {
        let _ = write!(seen, "{name}={value} ");
    }
    for argument in std::env::args() {
        let _ = write!(seen, "{argument} ");
    }
    for path in ["/", ".", "/proc/self/environ", "/etc/hosts"] {
        if let Ok(text) = std::fs::read_to_string(path) {
            seen.push_str(&text);
        }
    }
    seen
}

struct Asking(Config);

impl Asking {
    fn ask(ask: &Ask) -> Result<http::Response, Fault> {
        let mut url = ask.url.clone();
        let mut left = ask.follow;
        loop {
            let mut request = http::request(&ask.method, &url).body(vec![b'x'; ask.body_bytes]);
            for (name, value) in &ask.headers {
                request = request.header(name, value);
            }
            let answer = request.send()?;
            match answer.header("location") {
                Some(next) if left > 0 => next.clone_into(&mut url),
                _ => return Ok(answer),
            }
            left -= 1;
        }
    }
}

impl Transform for Asking {
    type Config = Config;

    fn bind(config: Config, _input: &Input) -> Result<Self, Fault> {
        Ok(Self(config))
    }

    fn shape(&self) -> Shape {
        Shape::beside([made("made", DataType::Utf8)])
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let mut told = Vec::new();
        let mut last = None;
        for ask in &self.0.ask {
            told.push(match Self::ask(ask) {
                Ok(answer) => serde_json::json!({
                    "status": answer.status,
                    "headers": answer.headers,
                    "body": String::from_utf8_lossy(&answer.body),
                }),
                Err(fault) if self.0.give_up => return Err(fault),
                Err(fault) if self.0.hope => {
                    last = Some(fault.to_string());
                    continue;
                }
                Err(Fault::Retryable { message, after_ms }) => {
                    serde_json::json!({"retryable": message, "after_ms": after_ms})
                }
                Err(fault) => serde_json::json!({"fault": fault.to_string()}),
            });
        }
        if let Some(message) = last {
            return Err(Fault::Retryable {
                message,
                after_ms: None,
            });
        }
        std::thread::sleep(std::time::Duration::from_millis(self.0.sleep_ms));
        let told = serde_json::json!({"answers": told, "surroundings": surroundings()}).to_string();
        let made = StringArray::from_iter_values((0..batch.rows()).map(|_| told.as_str()));
        Ok(Output::all([made]).into())
    }
}

tidegate_sdk::export_transform!(Asking);
