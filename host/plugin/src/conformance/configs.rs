//! Configs that an author did not think of: whatever it is given, a plugin answers, and never traps.

use serde_json::{Value, json};
use tidegate_core::Error;

use super::finding::{Seen, Verdict};
use super::subject::is_fault;

/// A key that no plugin knows.
const UNKNOWN: &str = "tidegate_unknown_key";

/// How many attempts a plugin took and refused.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
}

impl Tally {
    /// Counts an answer; a failure where it is neither a yes nor the plugin's own no.
    pub(crate) fn count<T>(&mut self, what: &str, answer: Result<T, Error>) -> Result<(), String> {
        match answer {
            Ok(_) => self.accepted += 1,
            Err(error) if is_fault(&error) => self.refused += 1,
            Err(error) => return Err(format!("{what}: expected a fault or a binding, found {error}")),
        }
        Ok(())
    }

    /// What it came to.
    pub(crate) fn seen(&self) -> Seen {
        Seen::Passed(match (self.accepted, self.refused) {
            (0, _) => "refused".into(),
            (_, 0) => "accepted".into(),
            (accepted, refused) => format!("{refused} refused, {accepted} accepted"),
        })
    }
}

/// A config with a key that nobody knows.
pub(crate) async fn unknown_key<T>(
    config: &Value,
    bind: impl AsyncFn(&Value) -> Result<T, Error>,
) -> Verdict {
    let mut config = match config {
        Value::Null => json!({}),
        config => config.clone(),
    };
    let Some(keys) = config.as_object_mut() else {
        return Ok(Seen::Skipped("the config has no keys".into()));
    };
    keys.insert(UNKNOWN.into(), json!(1));
    let mut tally = Tally::default();
    let what = format!("with the config's unknown key `{UNKNOWN}`");
    tally.count(&what, bind(&config).await)?;
    Ok(tally.seen())
}

/// A config that is none, and each of its values replaced by one of every other JSON type.
pub(crate) async fn wrong<T>(config: &Value, bind: impl AsyncFn(&Value) -> Result<T, Error>) -> Verdict {
    let values = [
        json!("a text"),
        json!(-1.5),
        json!(true),
        json!([1, "two", null]),
        json!({"a": 1}),
    ];
    let mut tally = Tally::default();
    for value in values.iter().filter(|value| !value.is_object()) {
        let what = format!("with the config `{value}`");
        tally.count(&what, bind(value).await)?;
    }
    let keys = config.as_object().into_iter().flat_map(|keys| keys.keys());
    for key in keys {
        let others = values.iter().chain([&Value::Null]);
        for value in others.filter(|value| kind(value) != kind(&config[key])) {
            let mut config = config.clone();
            config[key] = value.clone();
            let what = format!("with `{key}: {value}` in the config");
            tally.count(&what, bind(&config).await)?;
        }
    }
    Ok(Seen::Passed(format!(
        "{} configs, {} refused",
        tally.accepted + tally.refused,
        tally.refused
    )))
}

/// A JSON value's type.
fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}
