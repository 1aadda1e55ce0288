//! `kind: Notification`: who is told of what.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::{ByteSize, Millis};
use super::http::{HttpGrant, HttpLimits};
use super::one_or_many::OneOrMany;
use crate::plan::AssetName;
use crate::port::NotificationEvent;

/// Who is told of what: events of some assets and jobs, through one of `webhook`, `slack` and `email`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// The notification's name.
    pub name: AssetName,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// What is told.
    pub on: Vec<NotificationEvent>,
    /// The assets of which it is told, by name or as the selection syntax has it. Without it and without `jobs`, all.
    #[serde(default)]
    pub select: Option<OneOrMany>,
    /// The jobs of which it is told, beside the assets.
    #[serde(default)]
    pub jobs: Vec<AssetName>,
    /// A request to an endpoint.
    #[serde(default)]
    pub webhook: Option<WebhookDecl>,
    /// A message to Slack, or to a service that takes Slack's messages.
    #[serde(default)]
    pub slack: Option<SlackDecl>,
    /// A mail.
    #[serde(default)]
    pub email: Option<EmailDecl>,
    /// A failure that goes on is told again at the first failure after this time; without it, once until it is over.
    #[serde(default)]
    pub repeat_after: Option<Millis>,
    /// Whether anything is told.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A request with JSON, as Standard Webhooks has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Webhook")]
pub struct WebhookDecl {
    /// The endpoint; it may be or hold a reference: `${secret:HOOK_URL}`.
    pub url: String,
    /// Headers of the request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The secret that requests are signed with, `whsec_` and base64: `${secret:HOOK_KEY}`.
    #[serde(default)]
    pub sign_with: Option<String>,
    /// Whether the host may resolve to a private or loopback address.
    #[serde(default)]
    pub private: bool,
}

/// A message to an incoming webhook of Slack, Mattermost, Rocket.Chat or another that takes the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Slack")]
pub struct SlackDecl {
    /// The webhook's URL, which is a secret: `${secret:SLACK_URL}`.
    pub url: String,
    /// Whether the host may resolve to a private or loopback address.
    #[serde(default)]
    pub private: bool,
}

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Email")]
pub struct EmailDecl {
    /// To whom: `ops@example.com`, or `Operations <ops@example.com>`.
    pub to: OneOrMany,
    /// From whom.
    pub from: String,
    /// The server that takes it.
    pub smtp: SmtpDecl,
}

/// A server that takes mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Smtp")]
pub struct SmtpDecl {
    /// Its name or address.
    pub host: String,
    /// Its port; 587 for `starttls`, 465 for `tls` and 25 for `none`, unless told.
    #[serde(default)]
    pub port: Option<u16>,
    /// How what is sent is protected.
    #[serde(default)]
    pub tls: SmtpTls,
    /// Who logs in; nobody, unless told.
    #[serde(default)]
    pub user: Option<String>,
    /// The password: `${secret:SMTP_PASSWORD}`.
    #[serde(default)]
    pub password: Option<String>,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// TLS is begun in the connection; a server that does not offer it is sent nothing.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// Not at all: only for a server on this machine.
    None,
}

impl SmtpDecl {
    /// The port that is told, or the usual one.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            SmtpTls::Starttls => 587,
            SmtpTls::Tls => 465,
            SmtpTls::None => 25,
        })
    }
}

/// A message is a few kilobytes, and of an answer only the beginning is shown. An endpoint that takes longer than ten seconds
/// is asked again later; repeats are the store's, so that they outlive this process.
const LIMITS: HttpLimits = HttpLimits {
    request: ByteSize(256 << 10),
    response: ByteSize(64 << 10),
    timeout: Millis(10_000),
    concurrency: 4,
    per_second: 0,
    retries: 0,
};

/// A grant to post to a URL. Its query stands in the request, as a grant has none.
fn grant(url: &str, headers: BTreeMap<String, String>, private: bool) -> HttpGrant {
    HttpGrant {
        url: url.split('?').next().unwrap_or_default().to_owned(),
        methods: vec!["POST".into()],
        headers,
        query: BTreeMap::new(),
        basic: None,
        private,
        limits: LIMITS,
    }
}

impl WebhookDecl {
    /// The request as a grant: nothing but the endpoint may be asked.
    pub fn grant(&self) -> HttpGrant {
        grant(&self.url, self.headers.clone(), self.private)
    }
}

impl SlackDecl {
    /// The request as a grant: nothing but the endpoint may be asked.
    pub fn grant(&self) -> HttpGrant {
        grant(&self.url, BTreeMap::new(), self.private)
    }
}

fn yes() -> bool {
    true
}
