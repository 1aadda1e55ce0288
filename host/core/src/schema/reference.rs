//! `${env:NAME}` and `${secret:NAME}` in config.

use serde_json::Value;

use super::http::HttpGrant;
use super::secret_name::SecretName;
use crate::error::{Error, Kind};

/// What a reference points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceKind {
    /// A variable of the environment: may be shown.
    Env,
    /// A secret: never shown.
    Secret,
}

/// A reference that leads nowhere, or is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing has that name.
    #[error("`${{{0}:{1}}}` is not set")]
    Unset(&'static str, String),
    /// It does not end, or does not say what kind it is.
    #[error("`{0}` is not a reference; write `${{env:NAME}}` or `${{secret:NAME}}`")]
    Malformed(String),
    /// It names no secret.
    #[error("`${{secret:{0}}}` names no secret: {1}")]
    SecretName(String, &'static str),
    /// Where it is kept does not give it.
    #[error("the secret `{0}` cannot be had: {1}")]
    Unavailable(String, Unavailable),
}

/// Why the place where a secret is kept does not give it. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unavailable {
    /// What the place said.
    pub why: String,
    /// Whether it may do so later.
    pub passes: bool,
}

impl From<ReferenceError> for Error {
    fn from(error: ReferenceError) -> Self {
        let message = error.to_string();
        let schema = |message: String| Self::new(Kind::Schema, "schema.reference", message);
        match error {
            ReferenceError::Unset("secret", name) if name.starts_with("file:") => {
                schema(message).hint("there is no such file; a relative path starts at the project's folder")
            }
            ReferenceError::Unset("secret", _) => {
                schema(message).hint("set it: a secret X is the variable TIDEGATE_SECRET_X")
            }
            ReferenceError::Unset(..) => schema(message).hint("set the variable, or correct the reference"),
            ReferenceError::Malformed(_) | ReferenceError::SecretName(..) => {
                schema(message).hint("docs/secrets.md has what can be written")
            }
            ReferenceError::Unavailable(_, Unavailable { passes, .. }) => {
                let error = Self::new(Kind::Resource, "secret.unavailable", message)
                    .hint("docs/secrets.md says how the store is reached, and as whom");
                if passes { error.later() } else { error }
            }
        }
    }
}

/// Gives what references point at; none where nothing has that name.
pub type Lookup<'a> = &'a dyn Fn(ReferenceKind, &str) -> Result<Option<String>, Unavailable>;

/// Whether a text has a reference in it.
pub fn has_reference(text: &str) -> bool {
    text.contains("${env:") || text.contains("${secret:")
}

/// A config with the references of one kind filled in; those of the other stay as they are. Answers the values used.
pub fn fill(
    value: &Value,
    kind: ReferenceKind,
    lookup: Lookup<'_>,
) -> Result<(Value, Vec<String>), ReferenceError> {
    let mut used = Vec::new();
    let filled = fill_value(value, kind, lookup, &mut used)?;
    Ok((filled, used))
}

/// Grants of HTTP with the references of one kind filled in, as [`fill`] does for a config. References stand in headers,
/// query parameters and basic authentication, nowhere else.
pub fn fill_grants(
    grants: &[HttpGrant],
    kind: ReferenceKind,
    lookup: Lookup<'_>,
) -> Result<(Vec<HttpGrant>, Vec<String>), ReferenceError> {
    let mut used = Vec::new();
    let mut filled = grants.to_vec();
    for grant in &mut filled {
        let basic = grant
            .basic
            .iter_mut()
            .flat_map(|basic| [&mut basic.user, &mut basic.password]);
        for text in grant
            .headers
            .values_mut()
            .chain(grant.query.values_mut())
            .chain(basic)
        {
            *text = fill_text(text, kind, lookup, &mut used)?;
        }
    }
    Ok((filled, used))
}

fn fill_value(
    value: &Value,
    kind: ReferenceKind,
    lookup: Lookup<'_>,
    used: &mut Vec<String>,
) -> Result<Value, ReferenceError> {
    Ok(match value {
        Value::String(text) => Value::String(fill_text(text, kind, lookup, used)?),
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| fill_value(item, kind, lookup, used))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), fill_value(value, kind, lookup, used)?)))
                .collect::<Result<_, ReferenceError>>()?,
        ),
        other => other.clone(),
    })
}

fn fill_text(
    text: &str,
    kind: ReferenceKind,
    lookup: Lookup<'_>,
    used: &mut Vec<String>,
) -> Result<String, ReferenceError> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        out.push_str(&rest[..start]);
        let Some(end) = rest[start..].find('}') else {
            return Err(ReferenceError::Malformed(rest[start..].into()));
        };
        let whole = &rest[start..=start + end];
        let (found, word, name) = match whole[2..whole.len() - 1].split_once(':') {
            Some(("env", name)) if !name.is_empty() => (ReferenceKind::Env, "env", name),
            Some(("secret", name)) if !name.is_empty() => (ReferenceKind::Secret, "secret", name),
            _ => return Err(ReferenceError::Malformed(whole.into())),
        };
        if found == ReferenceKind::Secret
            && let Err(why) = SecretName::parse(name)
        {
            return Err(ReferenceError::SecretName(name.to_owned(), why));
        }
        if found == kind {
            let value = lookup(kind, name)
                .map_err(|why| ReferenceError::Unavailable(name.to_owned(), why))?
                .ok_or_else(|| ReferenceError::Unset(word, name.to_owned()))?;
            out.push_str(&value);
            used.push(value);
        } else {
            out.push_str(whole);
        }
        rest = &rest[start + end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_of_one_kind_are_filled_and_the_values_told() {
        let lookup = |_: ReferenceKind, name: &str| match name {
            "aws:down" => Err(Unavailable {
                why: "nobody answers".into(),
                passes: true,
            }),
            _ => Ok((name == "A").then(|| "1".to_owned())),
        };
        let config = json!({"x": ["${env:A}-${secret:B}", 3]});
        let (filled, used) = fill(&config, ReferenceKind::Env, &lookup).unwrap();
        assert_eq!(filled, json!({"x": ["1-${secret:B}", 3]}));
        assert_eq!(used, ["1"]);
        let unset = fill(&config, ReferenceKind::Secret, &lookup).unwrap_err();
        assert_eq!(unset.to_string(), "`${secret:B}` is not set");
        assert!(fill(&json!("${oops}"), ReferenceKind::Env, &lookup).is_err());
        assert!(fill(&json!("${env:A"), ReferenceKind::Env, &lookup).is_err());
        // A secret's name is looked at whichever kind is filled in.
        let misspelt = fill(&json!("${secret:vault:x}"), ReferenceKind::Env, &lookup).unwrap_err();
        assert!(misspelt.to_string().contains("names no secret"), "{misspelt}");
        let down = fill(&json!("${secret:aws:down}"), ReferenceKind::Secret, &lookup).unwrap_err();
        let down = Error::from(down);
        assert_eq!(
            (down.kind, down.retry),
            (Kind::Resource, crate::error::Retry::Later)
        );
        assert_eq!(
            down.message,
            "the secret `aws:down` cannot be had: nobody answers"
        );
    }
}
