//! A message as a mail.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor};
use tidegate_core::schema::{EmailDecl, SmtpDecl, SmtpTls};
use tidegate_core::{Error, Kind, Result};
use tidegate_plugin::Secrets;
use uuid::Uuid;

use super::channel::{REFUSED, Sent, filled};
use super::message::{Message, cut};
use crate::project::Project;

/// How long one address of a server may take to take a connection. What is said then has no limit but that of the whole mail.
const CONNECT: Duration = Duration::from_secs(10);

/// A subject that every reader shows, in characters.
const SUBJECT_CHARS: usize = 150;

/// Statuses that say that the login is wrong, not the mail (RFC 4954): the same mail may be taken later.
const LOGIN: &[u16] = &[530, 534, 535, 538];

pub(super) async fn send(
    project: &Project,
    decl: &EmailDecl,
    name: &str,
    id: Uuid,
    message: &Message,
) -> Result<Sent> {
    let (decl, secrets) = filled(project, decl)?;
    let hidden = Secrets::new(&secrets);
    let wrong = |why: String| {
        let message = hidden.redact(format!("{name}: {why}"));
        Error::new(Kind::Schema, "notification.mail", message)
            .hint("look at `to`, `from` and `smtp` of the notification")
    };
    let mail = mail(&decl, id, message, &hidden).map_err(wrong)?;
    let server = server(&decl.smtp).map_err(|error| wrong(error.to_string()))?;
    match server.send(mail).await {
        Ok(answer) => Ok(Sent {
            status: None,
            answer: hidden.redact(answer.message().collect::<Vec<_>>().join(" ")),
        }),
        Err(error) => {
            let status = error.status().map(u16::from);
            let message = hidden.redact(format!("{name}: {}", whole(&error)));
            Err(match status {
                Some(code) if error.is_permanent() && !LOGIN.contains(&code) => {
                    Error::new(Kind::Resource, REFUSED, message)
                }
                _ => Error::new(Kind::Resource, "notification.smtp", message).later(),
            })
        }
    }
}

fn mail(decl: &EmailDecl, id: Uuid, message: &Message, hidden: &Secrets) -> Result<Mail, String> {
    let mailbox = |text: &str| {
        text.parse::<Mailbox>()
            .map_err(|error| format!("{text:?} is no address of mail: {error}"))
    };
    let from = mailbox(&decl.from)?;
    let subject = format!("[{}] {}", message.data.project, message.data.text);
    let subject: String = hidden
        .redact(subject)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    // A repeat has the same id, by which readers know it.
    let mut builder = Mail::builder()
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .subject(cut(&subject, SUBJECT_CHARS))
        .from(from);
    for to in &decl.to.0 {
        builder = builder.to(mailbox(to)?);
    }
    let details: String = message
        .details()
        .into_iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    let text = hidden.redact(format!("{}\n\n{details}", message.data.text));
    builder
        .header(ContentType::TEXT_PLAIN)
        .body(text)
        .map_err(|error| error.to_string())
}

fn server(smtp: &SmtpDecl) -> Result<AsyncSmtpTransport<Tokio1Executor>, lettre::transport::smtp::Error> {
    let parameters = || TlsParameters::new(smtp.host.clone());
    let tls = match smtp.tls {
        SmtpTls::Starttls => Tls::Required(parameters()?),
        SmtpTls::Tls => Tls::Wrapper(parameters()?),
        SmtpTls::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
        .port(smtp.port())
        .tls(tls)
        .timeout(Some(CONNECT));
    if let (Some(user), Some(password)) = (&smtp.user, &smtp.password) {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(builder.build())
}

/// An error with all of its causes.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(found) = cause {
        let more = found.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = found.source();
    }
    text
}
