//! What notifications say: of what they tell, and where to.

use super::grant_faults;
use super::instigators::{known_job, select};
use crate::error::Error;
use crate::schema::{
    Document, EmailDecl, HttpGrant, LoadedProject, Notification, Placed, SmtpTls, has_reference,
};

/// The shortest time behind which a failure is told again, in milliseconds.
const SHORTEST_REPEAT_MS: u64 = 1_000;

/// The most addresses that one mail goes to: more are a mailing list's business.
const MAX_ADDRESSES: usize = 50;

/// Everything wrong with notifications.
pub(super) fn notifications(loaded: &LoadedProject, errors: &mut Vec<Error>) {
    for placed in loaded.notifications.values() {
        notification(placed, loaded, errors);
    }
}

fn notification(placed: &Placed<Notification>, loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let Placed { value, document } = placed;
    if value.on.is_empty() {
        errors.push(
            document
                .error("schema.notification", "/on", "nothing is told")
                .hint("write for example `[run_failed, run_recovered]`"),
        );
    }
    for (index, event) in value.on.iter().enumerate() {
        let before = event.follows();
        if !before.is_empty() && !before.iter().any(|event| value.on.contains(event)) {
            let message = format!("`{}` is told only behind a failure that was told", event.text());
            errors.push(
                document
                    .error("schema.notification", &format!("/on/{index}"), message)
                    .hint(format!("add `{}`", before[0].text())),
            );
        }
    }
    let channels = [
        value.webhook.is_some(),
        value.slack.is_some(),
        value.email.is_some(),
    ];
    if channels.iter().filter(|told| **told).count() != 1 {
        errors.push(
            document
                .error(
                    "schema.notification",
                    "",
                    "a notification says where to, and once",
                )
                .hint(
                    "write one of `webhook`, `slack` and `email`; several channels are several notifications",
                ),
        );
    }
    if let Some(selected) = &value.select {
        select(document, "/select", selected, loaded, errors);
    }
    for (index, job) in value.jobs.iter().enumerate() {
        known_job(document, &format!("/jobs/{index}"), job, loaded, errors);
    }
    if value
        .repeat_after
        .is_some_and(|after| after.0 < SHORTEST_REPEAT_MS)
    {
        let message = "a failure is told again behind `1s` at the soonest";
        errors.push(document.error("schema.invalid_value", "/repeat_after", message));
    }
    if let Some(webhook) = &value.webhook {
        request(document, "/webhook", &webhook.grant(), errors);
        for name in webhook.headers.keys() {
            if name.to_ascii_lowercase().starts_with("webhook-") {
                let message = format!("`{name}` is a header that the host makes itself");
                errors.push(document.error("schema.invalid_value", "/webhook/headers", message));
            }
        }
        if let Some(key) = &webhook.sign_with {
            only_reference(document, "/webhook/sign_with", key, errors);
        }
    }
    if let Some(slack) = &value.slack {
        request(document, "/slack", &slack.grant(), errors);
    }
    if let Some(email) = &value.email {
        mail(document, email, errors);
    }
}

fn request(document: &Document, at: &str, grant: &HttpGrant, errors: &mut Vec<Error>) {
    for fault in grant_faults(grant) {
        let mut error = document.error(
            "schema.invalid_value",
            &format!("{at}{}", fault.pointer),
            fault.message,
        );
        error.hint = fault.hint;
        errors.push(error);
    }
}

/// What is secret by itself is not written into a document.
fn only_reference(document: &Document, pointer: &str, text: &str, errors: &mut Vec<Error>) {
    if !has_reference(text) {
        errors.push(
            document
                .error(
                    "schema.notification",
                    pointer,
                    "a secret is written into the document",
                )
                .hint("keep it elsewhere, and write `${secret:NAME}`: docs/secrets.md"),
        );
    }
}

fn mail(document: &Document, email: &EmailDecl, errors: &mut Vec<Error>) {
    let addresses = &email.to.0;
    if addresses.is_empty() || addresses.len() > MAX_ADDRESSES {
        let message = format!(
            "`{}` addresses; 1 to {MAX_ADDRESSES} are allowed",
            addresses.len()
        );
        errors.push(document.error("schema.invalid_value", "/email/to", message));
    }
    let all = addresses.iter().map(|to| ("/email/to", to));
    for (pointer, text) in all.chain([("/email/from", &email.from)]) {
        // A reference may give anything; the rest is looked at closely when a mail is made.
        let plain = text.chars().all(|c| !c.is_control()) && text.contains('@');
        if !has_reference(text) && !plain {
            errors.push(
                document
                    .error(
                        "schema.invalid_value",
                        pointer,
                        format!("{text:?} is no address of mail"),
                    )
                    .hint("write `ops@example.com`, or `Operations <ops@example.com>`"),
            );
        }
    }
    let smtp = &email.smtp;
    if smtp.user.is_some() != smtp.password.is_some() {
        errors.push(
            document
                .error(
                    "schema.notification",
                    "/email/smtp",
                    "a login has a user and a password",
                )
                .hint("write both of `user` and `password`, or neither"),
        );
    }
    if let Some(password) = &smtp.password {
        only_reference(document, "/email/smtp/password", password, errors);
    }
    let here = ["localhost", "127.0.0.1", "::1"].contains(&smtp.host.as_str());
    if smtp.tls == SmtpTls::None && !here {
        errors.push(
            document
                .error(
                    "schema.notification",
                    "/email/smtp/tls",
                    format!("mail for `{}` would cross the network in plain text", smtp.host),
                )
                .hint("write `starttls` or `tls`; `none` is for `localhost`, `127.0.0.1` and `::1`"),
        );
    }
}
