//! AWS Secrets Manager, with credentials and region as all AWS programs find them.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use serde_json::Value;
use tidegate_core::schema::Unavailable;
use tokio::sync::OnceCell;

use super::{Fetched, causes, passing, refused};

/// How long one request may take: two of them fit into what a secret may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(2);

/// Requests for one secret at most.
const TRIES: u32 = 2;

/// Error codes that speak of the service's state, not of the request.
const PASSING: &[&str] = &[
    "InternalServiceError",
    "ThrottlingException",
    "ServiceUnavailable",
];

/// The service, connected to when a secret is first wanted.
#[derive(Default)]
pub(super) struct Aws {
    client: OnceCell<Client>,
}

impl Aws {
    /// The current version of a secret: text.
    pub(super) async fn fetch(&self, name: &str) -> Fetched {
        let client = self.client.get_or_init(connect).await;
        let answer = client.get_secret_value().secret_id(name).send().await;
        let answer = answer.map_err(|error| explain(&error))?;
        if let Some(text) = answer.secret_string() {
            return Ok(Value::from(text));
        }
        let bytes = answer.secret_binary().map(|blob| blob.as_ref().to_vec());
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        text.map(Value::from).ok_or_else(|| refused("it is not text"))
    }
}

async fn connect() -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(REQUEST_LIMIT)
        .build();
    let found = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
        .load()
        .await;
    Client::new(&found)
}

fn explain<E>(error: &SdkError<E>) -> Unavailable
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let SdkError::ServiceError(answer) = error else {
        let built = matches!(error, SdkError::ConstructionFailure(_));
        let why = causes(error);
        return if built { refused(&why) } else { passing(why) };
    };
    let code = answer.err().code().unwrap_or("an error without a code");
    // A refused signature is told with the request's headers, and a session's token is one of them.
    let message = if code.contains("Signature") {
        "the secret access key is not that of the access key, or the clock of this machine is wrong"
    } else {
        answer.err().message().unwrap_or("the service says no more")
    };
    let why = format!("{code}: {message}");
    if PASSING.contains(&code) || answer.raw().status().is_server_error() {
        passing(why)
    } else {
        refused(&why)
    }
}
