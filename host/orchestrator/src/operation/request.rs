//! A step that sends an HTTP request, through the gate that plugins' requests pass: the same limits, the same addresses
//! refused, and no redirect is followed.

use std::collections::BTreeMap;
use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tidegate_core::plan::plain;
use tidegate_core::schema::{HttpStepDecl, has_reference};
use tidegate_core::{Error, Kind, Result};
use tidegate_plugin::{Ask, Secrets, ask, secret_forms};

use super::step::{StepWork, fitting};
use crate::project::Project;

/// Sends it; the result is `{"status": 200, "body": …}`, the body as JSON where it is some, else as text.
pub(super) async fn send(project: &Arc<Project>, step: &StepWork, decl: &HttpStepDecl) -> Result<Value> {
    let name = format!("step {}", step.step.name);
    let mut grant = decl.grant();
    // What holds references is filled apart from what holds values of steps, so that no value can name a secret.
    let headers = values(step, "headers", &mut grant.headers)?;
    let query = values(step, "query", &mut grant.query)?;
    let grants = project.http_grants(&[grant])?;
    let (mut grants, secrets) = project.with_grant_secrets(&grants)?;
    let Some(grant) = grants.first_mut() else {
        return Ok(Value::Null);
    };
    grant.headers.extend(headers);
    grant.query.extend(query);
    // An endpoint may repeat what it was asked.
    let hidden = Secrets::new(&secret_forms(&secrets, std::slice::from_ref(grant)));
    let encoded = |value: &Value| utf8_percent_encode(&plain(value), NON_ALPHANUMERIC).to_string();
    let path = match &decl.path {
        Some(path) => step.fill_with("path", path, &encoded)?,
        None => String::new(),
    };
    let (content_type, body) = match &decl.body {
        None => (None, Vec::new()),
        Some(Value::String(text)) => {
            let text = step.fill("body", text)?;
            (Some("text/plain; charset=utf-8"), text.into_bytes())
        }
        Some(body) => {
            let body = step.fill_value("body", body)?;
            (Some("application/json"), body.to_string().into_bytes())
        }
    };
    let request = Ask {
        url: format!("{}{path}", decl.url),
        method: decl.method.clone(),
        content_type,
        body: body.into(),
    };
    let answer = ask(project.runtime(), grant, &name, &secrets, request).await?;
    let well = if decl.expect.is_empty() {
        (200..300).contains(&answer.status)
    } else {
        decl.expect.contains(&answer.status)
    };
    let text = String::from_utf8_lossy(&answer.body);
    if !well {
        return Err(refused(&name, answer.status, &hidden.redact(text.into_owned())));
    }
    let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.replace('\0', "\u{fffd}")));
    let body = hidden.redact_value(body);
    fitting(&step.step.name, json!({"status": answer.status, "body": body}))
}

/// Takes the texts without references away, and fills in their values.
fn values(
    step: &StepWork,
    key: &str,
    texts: &mut BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let mut filled = BTreeMap::new();
    for (name, text) in std::mem::take(texts) {
        if has_reference(&text) {
            texts.insert(name, text);
        } else {
            let value = step.fill(key, &text)?;
            filled.insert(name, value);
        }
    }
    Ok(filled)
}

/// What is shown of the body of an answer that is not well, in characters.
const SHOWN_CHARS: usize = 200;

fn refused(name: &str, status: u16, body: &str) -> Error {
    let shown: String = body.chars().take(SHOWN_CHARS).collect();
    let message = format!("{name}: the answer has status {status}: {}", shown.escape_debug());
    let error = Error::new(Kind::Resource, "step.http_status", message)
        .hint("`expect` of the step lists the statuses that are well");
    if matches!(status, 408 | 425 | 429 | 500..=599) {
        error.later()
    } else {
        error
    }
}
