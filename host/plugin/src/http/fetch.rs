//! A request of the host's own, through the gate: the same limits, and the same addresses refused.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, Full};
use tidegate_core::port::{LogLine, LogSink};
use tidegate_core::schema::HttpGrant;
use tidegate_core::{Error, Kind, Retry};

use super::gate::Gate;
use super::granted::secret_forms;
use crate::runtime::Runtime;
use crate::secrets::Secrets;

/// What an endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The status of the answer.
    pub status: u16,
    /// Its body, whole.
    pub body: Bytes,
}

/// The last line that the gate had to say: why there is no answer.
#[derive(Default)]
struct LastLine(Mutex<Option<String>>);

impl LogSink for LastLine {
    fn line(&self, line: LogLine) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.message);
    }
}

/// What is asked beside what the grant says.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The URL, which lies below that of the grant.
    pub url: String,
    /// The method; empty for GET.
    pub method: String,
    /// The type of the body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: Bytes,
}

/// Asks the URL of a grant itself, with GET. `grant` has its secrets filled in, and `secrets` are their values; `name` is what
/// messages call whoever asks. An answer of any status is one.
pub async fn fetch(
    runtime: &Runtime,
    grant: &HttpGrant,
    name: &str,
    secrets: &[String],
) -> Result<Fetched, Error> {
    let get = Ask {
        url: grant.url.clone(),
        ..Ask::default()
    };
    ask(runtime, grant, name, secrets, get).await
}

/// Asks what a grant allows, as [`fetch`] does. A method that is not safe to repeat is sent once, unless nothing was sent.
pub async fn ask(
    runtime: &Runtime,
    grant: &HttpGrant,
    name: &str,
    secrets: &[String],
    ask: Ask,
) -> Result<Fetched, Error> {
    let said = Arc::new(LastLine::default());
    let grants = std::slice::from_ref(grant);
    let hidden = Secrets::new(&secret_forms(secrets, grants));
    let mut gate = Gate::new(runtime.http(), grants, name, said.clone(), hidden)?;
    let failed = |why: String| {
        Error::new(Kind::Resource, "http.fetch", format!("{name}: {why}"))
            .later()
            .hint("look at the endpoint; `limits` and `private` say what the request may do")
    };
    let method = if ask.method.is_empty() { "GET" } else { &ask.method };
    // What is refused before anything is sent is refused the next time too.
    let never = |why: String| Error {
        kind: Kind::Usage,
        retry: Retry::Never,
        hint: Some("look at the URL, and at the values that come into its path".to_owned()),
        ..failed(why)
    };
    let mut request = http::Request::builder()
        .method(method)
        .uri(&ask.url)
        .body(Full::new(ask.body).map_err(|never| match never {}).boxed_unsync())
        .map_err(|error| never(error.to_string()))?;
    if let Some(kind) = ask.content_type {
        let kind = HeaderValue::from_static(kind);
        request.headers_mut().insert(CONTENT_TYPE, kind);
    }
    let exchange = gate.request(&request).map_err(|refusal| never(refusal.what))?;
    let refused = |error: &dyn std::fmt::Display, gate: &Gate| {
        if let Some(refusal) = gate.refusal() {
            return failed(refusal.what).hint(refusal.hint);
        }
        let line = said.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed(line.unwrap_or_else(|| error.to_string()))
    };
    let (answer, reading) = match exchange.run(request, None).await {
        Ok(answer) => answer,
        Err(error) => return Err(refused(&error, &gate)),
    };
    let status = answer.status().as_u16();
    let (body, _) = tokio::join!(answer.into_body().collect(), Box::into_pin(reading));
    match body {
        Ok(body) => Ok(Fetched {
            status,
            body: body.to_bytes(),
        }),
        Err(error) => Err(refused(&error, &gate)),
    }
}
