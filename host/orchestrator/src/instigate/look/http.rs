//! What an HTTP endpoint answers.

use chrono::SecondsFormat;
use serde_json::Value;
use tidegate_core::plan::Digest;
use tidegate_core::schema::HttpSensor;
use tidegate_core::{Error, Kind, Result};
use tidegate_plugin::{Fetched, fetch};

use super::{Looked, Looking, Request};

/// The first look remembers; the later ones ask for a run where status or content is another one than the last time.
pub(super) async fn look(looking: &Looking<'_>, http: &HttpSensor) -> Result<Looked> {
    let project = &looking.orchestrator.project;
    let grants = project.http_grants(&[http.grant()])?;
    let (grants, secrets) = project.with_grant_secrets(&grants)?;
    let Some(grant) = grants.first() else {
        return Ok(Looked::skip("there is nothing to ask"));
    };
    let name = format!("sensor {}", looking.sensor.name);
    let answer = fetch(project.runtime(), grant, &name, &secrets).await?;
    let now = state(&answer, http.pointer.as_deref())?;
    let Some(last) = looking.cursor else {
        return Ok(Looked {
            requests: Vec::new(),
            reason: Some(format!("this is the first look: {now}")),
            cursor: Some(now),
        });
    };
    if last == now {
        return Ok(Looked::skip(format!("nothing has changed: {now}")));
    }
    // What changes and changes back is wanted each time, so its key has the time.
    let at = looking.at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    Ok(Looked {
        requests: vec![Request {
            key: format!("{now}@{at}"),
            ..Request::default()
        }],
        reason: Some(format!("{last} became {now}")),
        cursor: Some(now),
    })
}

/// Status and content, so short that they can be kept.
fn state(answer: &Fetched, pointer: Option<&str>) -> Result<String> {
    let status = answer.status;
    let content = match pointer.filter(|_| (200..300).contains(&status)) {
        None => Digest::of(&answer.body).short().to_owned(),
        Some(pointer) => {
            let failed = |why: String| Error::new(Kind::Resource, "sensor.http", why);
            let body: Value = serde_json::from_slice(&answer.body)
                .map_err(|error| failed(format!("the answer is not JSON: {error}")))?;
            let found = body
                .pointer(pointer)
                .ok_or_else(|| failed(format!("the answer has nothing at `{pointer}`")))?;
            Digest::of(found.to_string().as_bytes()).short().to_owned()
        }
    };
    Ok(format!("status {status}, content {content}"))
}
