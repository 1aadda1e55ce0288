//! Where a message goes to: one of a notification's channels, with its secrets filled in.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_core::schema::{Notification, ReferenceKind, fill};
use tidegate_core::{Error, Kind, Result};
use tokio::time::timeout;
use uuid::Uuid;

use super::message::Message;
use super::{email, slack, webhook};
use crate::project::Project;

/// How long a request may take, in milliseconds: a name to be resolved, and an answer.
const REQUEST_MS: u64 = 30_000;

/// How long a mail may take, in milliseconds. A server has this time to answer the end of a mail's text (RFC 5321, 4.5.3.2.6); a
/// client that goes away before gets the mail delivered, and sends it again.
const MAIL_MS: u64 = 600_000;

/// The code of what a receiver refused for good; the same message would be refused again.
pub(super) const REFUSED: &str = "notification.refused";

/// What a receiver answered to a message that it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// The status of the answer; none of a mail.
    pub status: Option<u16>,
    /// The beginning of what it said.
    pub answer: String,
}

/// A declaration with its references filled in, and the values of the secrets.
pub(super) fn filled<T: Serialize + DeserializeOwned>(
    project: &Project,
    decl: &T,
) -> Result<(T, Vec<String>)> {
    // Nothing of the values is shown.
    let wrong = |_| Error::new(Kind::Internal, "notification.channel", "a channel cannot be read");
    let value = serde_json::to_value(decl).map_err(wrong)?;
    let (value, _) = fill(&value, ReferenceKind::Env, &*project.lookup)?;
    let (value, secrets) = fill(&value, ReferenceKind::Secret, &*project.lookup)?;
    Ok((serde_json::from_value(value).map_err(wrong)?, secrets))
}

/// Sends a message once, in so much time at most. A repeat has the same `id`. No error shows a secret.
pub(super) async fn send(
    project: &Project,
    notification: &Notification,
    id: Uuid,
    message: &Message,
    now: DateTime<Utc>,
) -> Result<Sent> {
    let name = format!("notification {}", notification.name);
    let sending = async {
        if let Some(decl) = &notification.webhook {
            return webhook::send(project, decl, &name, id, message, now).await;
        }
        if let Some(decl) = &notification.slack {
            return slack::send(project, decl, &name, message).await;
        }
        match &notification.email {
            Some(decl) => email::send(project, decl, &name, id, message).await,
            // Validation has refused it, with its place.
            None => Err(Error::new(
                Kind::Internal,
                "notification.nowhere",
                format!("{name} has no channel"),
            )),
        }
    };
    let limit_ms = limit_ms(notification);
    timeout(Duration::from_millis(limit_ms), sending)
        .await
        .unwrap_or_else(|_| {
            let message = format!("{name}: nobody took the message within {} s", limit_ms / 1_000);
            Err(Error::new(Kind::Resource, "notification.timeout", message).later())
        })
}

/// How long the channel of a notification may take for a message, in milliseconds.
fn limit_ms(notification: &Notification) -> u64 {
    match notification.email {
        Some(_) => MAIL_MS,
        None => REQUEST_MS,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_mail_server_has_the_time_that_it_may_take() {
        let limit_ms = |channel: &str, decl: Value| {
            let mut text = json!({"name": "on-call", "on": ["run_failed"]});
            text[channel] = decl;
            limit_ms(&serde_json::from_value(text).unwrap())
        };
        let mail =
            json!({"to": "a@example.com", "from": "b@example.com", "smtp": {"host": "mail.example.com"}});
        assert_eq!(limit_ms("email", mail), 10 * 60 * 1_000);
        assert_eq!(limit_ms("webhook", json!({"url": "https://example.com"})), 30_000);
    }
}
