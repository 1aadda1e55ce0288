//! A message as an HTTP request, through the gate that plugins' requests pass: the same addresses refused, and no redirect is
//! followed.

use tidegate_core::schema::{HttpGrant, plain_url};
use tidegate_core::{Error, Kind, Result};
use tidegate_plugin::{Ask, Secrets, ask, secret_forms};

use super::channel::{REFUSED, Sent};
use super::message::cut;
use crate::project::Project;

/// What is shown of an answer, in characters.
const SHOWN_CHARS: usize = 200;

/// A URL with its secrets filled in.
pub(super) struct Target {
    url: String,
    /// What must not be shown.
    pub(super) hidden: Secrets,
    secrets: Vec<String>,
}

impl Target {
    /// Looks at a URL. Where it comes from a secret, nothing of it is told.
    pub(super) fn new(name: &str, url: &str, secrets: Vec<String>) -> Result<Self> {
        let parsed = plain_url(url).map_err(|why| {
            let why = if secrets.is_empty() {
                why
            } else {
                "cannot be used".to_owned()
            };
            let message = format!("{name}: the URL {why}");
            Error::new(Kind::Schema, "notification.url", message)
                .hint("write scheme, host and path: `https://hooks.example.com/tidegate`")
        })?;
        let mut forms = secret_forms(&secrets, &[]);
        // A URL is shown in parts: those that hold a secret, or that one holds.
        let parts = [Some(parsed.as_str()), parsed.query(), Some(parsed.path())];
        forms.extend(parts.into_iter().flatten().filter_map(|part| {
            let secret = |each: &String| {
                !each.is_empty() && (part.contains(each.as_str()) || (part.len() > 1 && each.contains(part)))
            };
            secrets.iter().any(secret).then(|| part.to_owned())
        }));
        Ok(Self {
            url: url.to_owned(),
            hidden: Secrets::new(&forms),
            secrets,
        })
    }

    /// Posts JSON; an answer from 200 to 299 is well.
    pub(super) async fn post(
        self,
        project: &Project,
        name: &str,
        grant: &HttpGrant,
        body: String,
    ) -> Result<Sent> {
        let hide = |mut error: Error| {
            error.message = self.hidden.redact(error.message);
            error.hint = error.hint.map(|hint| self.hidden.redact(hint));
            error
        };
        let request = Ask {
            url: self.url.clone(),
            method: "POST".into(),
            content_type: Some("application/json"),
            body: body.into(),
        };
        let answer = ask(project.runtime(), grant, name, &self.secrets, request)
            .await
            .map_err(hide)?;
        let text = String::from_utf8_lossy(&answer.body);
        let shown = self.hidden.redact(text.into_owned());
        let shown = cut(&shown, SHOWN_CHARS).escape_debug().to_string();
        let status = answer.status;
        if (200..300).contains(&status) {
            return Ok(Sent {
                status: Some(status),
                answer: shown,
            });
        }
        let message = format!("{name}: the answer has status {status}: {shown}");
        if matches!(status, 408 | 425 | 429 | 500..=599) {
            return Err(Error::new(Kind::Resource, "notification.status", message).later());
        }
        Err(Error::new(Kind::Resource, REFUSED, message)
            .hint("look at what the receiver wants; `tidegate notification test` tries it"))
    }
}
