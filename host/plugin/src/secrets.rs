//! Values that must not be shown, taken out of everything that a guest says.

use std::fmt;
use std::sync::Arc;

/// What stands in place of a secret.
const MASK: &str = "***";

/// The secrets of one step's config, in every form that a config or a debug print gives them. Cheap to clone.
#[derive(Clone, Default)]
pub struct Secrets(Arc<[String]>);

impl Secrets {
    /// The secrets of these values; empty ones are none.
    pub fn new(values: &[String]) -> Self {
        let json = |text: &str| {
            let quoted = serde_json::Value::from(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        };
        let debug = |text: &str| text.escape_debug().to_string();
        let mut forms: Vec<String> = values
            .iter()
            .filter(|value| !value.is_empty())
            .flat_map(|value| {
                // As it is, as the config holds it, and either once more inside a text.
                let (held, shown) = (json(value), debug(value));
                [
                    json(&held),
                    debug(&held),
                    debug(&shown),
                    held,
                    shown,
                    value.clone(),
                ]
            })
            .collect();
        // A secret that holds another one goes first, or its rest would stay.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self(forms.into())
    }

    /// The text without the secrets.
    pub fn redact(&self, text: String) -> String {
        let mut text = text;
        for form in self.0.iter() {
            if text.contains(form.as_str()) {
                text = text.replace(form.as_str(), MASK);
            }
        }
        text
    }

    /// The value with no secret in any of its texts and keys.
    pub fn redact_value(&self, value: serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::String(text) => Value::String(self.redact(text)),
            Value::Array(items) => items.into_iter().map(|item| self.redact_value(item)).collect(),
            Value::Object(entries) => entries
                .into_iter()
                .map(|(key, value)| (self.redact(key), self.redact_value(value)))
                .collect(),
            Value::Number(number) if self.0.iter().any(|form| *form == number.to_string()) => {
                Value::String(MASK.to_owned())
            }
            other => other,
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    #[test]
    fn a_secret_is_masked_in_every_form_and_the_longest_first() {
        let secrets = Secrets::new(&[
            "key".into(),
            "key-of-keys".into(),
            "a\"b\nc".into(),
            String::new(),
        ]);
        let said = "key-of-keys, key, a\"b\nc, a\\\"b\\nc, a\\\\\\\"b\\\\nc".to_owned();
        assert_eq!(secrets.redact(said), "***, ***, ***, ***, ***");
        assert_eq!(format!("{secrets:?}"), "Secrets(5)");
        let pin = Secrets::new(&["12345678".into()]);
        let told = serde_json::json!({"pin": 12_345_678, "other": 1_234_567});
        assert_eq!(
            pin.redact_value(told),
            serde_json::json!({"pin": "***", "other": 1_234_567})
        );
    }
}
