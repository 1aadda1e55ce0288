//! A message to an incoming webhook of Slack, or of a service that takes the same.

use serde_json::{Value, json};
use tidegate_core::Result;
use tidegate_core::schema::SlackDecl;

use super::channel::{Sent, filled};
use super::message::{Message, cut};
use super::post::Target;
use crate::project::Project;

/// What Slack takes in one block of text, in characters, less what escaping adds at most to what is cut before.
const BLOCK_CHARS: usize = 2_900;

pub(super) async fn send(project: &Project, decl: &SlackDecl, name: &str, message: &Message) -> Result<Sent> {
    let (decl, secrets) = filled(project, decl)?;
    let target = Target::new(name, &decl.url, secrets)?;
    let body = target.hidden.redact_value(payload(message)).to_string();
    target.post(project, name, &decl.grant(), body).await
}

/// `text` is what a notification of the device and other services show, `blocks` what Slack does.
fn payload(message: &Message) -> Value {
    let text = cut(&escaped(&message.data.text), BLOCK_CHARS);
    let details: Vec<String> = message
        .details()
        .into_iter()
        .map(|(name, value)| format!("*{name}*: {}", escaped(&value)))
        .collect();
    let details = cut(&details.join("\n"), BLOCK_CHARS);
    json!({
        "text": text,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": text}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": details}]},
        ],
    })
}

/// `&`, `<` and `>` are Slack's own: what is in an error must link to nothing and call nobody.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
