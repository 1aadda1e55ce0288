//! `${env:NAME}` and `${secret:NAME}` in config.

use serde_json::Value;

use super::http::HttpGrant;

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
}

/// Gives what references point at.
pub type Lookup<'a> = &'a dyn Fn(ReferenceKind, &str) -> Option<String>;

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
        if found == kind {
            let value = lookup(kind, name).ok_or_else(|| ReferenceError::Unset(word, name.to_owned()))?;
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
        let lookup = |_: ReferenceKind, name: &str| (name == "A").then(|| "1".to_owned());
        let config = json!({"x": ["${env:A}-${secret:B}", 3]});
        let (filled, used) = fill(&config, ReferenceKind::Env, &lookup).unwrap();
        assert_eq!(filled, json!({"x": ["1-${secret:B}", 3]}));
        assert_eq!(used, ["1"]);
        let unset = fill(&config, ReferenceKind::Secret, &lookup).unwrap_err();
        assert_eq!(unset.to_string(), "`${secret:B}` is not set");
        assert!(fill(&json!("${oops}"), ReferenceKind::Env, &lookup).is_err());
        assert!(fill(&json!("${env:A"), ReferenceKind::Env, &lookup).is_err());
    }
}
