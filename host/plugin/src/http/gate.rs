//! The gate of one instance: every request of its guest goes through here.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::header::{EXPECT, TE, TRAILER};
use tidegate_core::Error;
use tidegate_core::schema::HttpGrant;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error as HttpError, ForbiddenHeaderFilter, RequestOptions, WasiBody,
    WasiHttpHooks,
};

use super::admit::{admit, shown};
use super::client::Client;
use super::exchange::{Exchange, Outcome};
use super::granted::Granted;
use super::journal::{Journal, Refusal};
use super::waits::Waits;
use crate::secrets::Secrets;
use tidegate_core::port::LogSink;

/// Requests of one call: one for each row of a batch, and some. Waiting for them is not charged to the call's time, so
/// their number has to end.
const MAX_REQUESTS_PER_CALL: u64 = 10_000;

/// Holds the grants of one instance, and what its requests share.
pub(crate) struct Gate {
    client: Client,
    grants: Vec<Arc<Granted>>,
    journal: Arc<Journal>,
    waits: Waits,
    requests: u64,
}

impl Gate {
    /// A gate for grants whose secrets are filled in; without any it refuses every request.
    pub(crate) fn new(
        client: &Client,
        grants: &[HttpGrant],
        step: &str,
        log: Arc<dyn LogSink>,
        secrets: Secrets,
    ) -> Result<Self, Error> {
        let grants = grants
            .iter()
            .map(|grant| Granted::new(grant, client).map(Arc::new));
        Ok(Self {
            client: client.clone(),
            grants: grants.collect::<Result<_, _>>()?,
            journal: Arc::new(Journal::new(log, step.to_owned(), secrets)),
            waits: Waits::default(),
            requests: 0,
        })
    }

    /// Before a call of the guest.
    pub(crate) fn begin(&mut self) {
        self.requests = 0;
        self.journal.begin();
    }

    /// What the gate refused last in this call.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.journal.refusal()
    }

    /// The same, unless a request was granted since.
    pub(crate) fn refused_last(&self) -> Option<Refusal> {
        self.journal.refused_last()
    }

    /// How long requests were under way.
    pub(crate) fn waits(&self) -> Waits {
        self.waits.clone()
    }

    pub(super) fn request(&mut self, request: &http::Request<WasiBody>) -> Result<Exchange, Refusal> {
        self.requests += 1;
        if self.requests > MAX_REQUESTS_PER_CALL {
            return Err(Refusal {
                what: format!(
                    "`{}` is refused: this call made {MAX_REQUESTS_PER_CALL} requests",
                    shown(request.method(), request.uri())
                ),
                hint: "make batches smaller with `batch_rows`".to_owned(),
            });
        }
        let (granted, url) = admit(&self.grants, request.method(), request.uri())?;
        self.journal.admit();
        Ok(Exchange {
            client: self.client.clone(),
            granted,
            url,
            journal: self.journal.clone(),
            waits: self.waits.clone(),
        })
    }
}

/// Whether a header is the host's alone: those of the connection, and `Host`.
fn is_own(name: &HeaderName) -> bool {
    DEFAULT_FORBIDDEN_HEADERS.contains(name) || [TE, TRAILER, EXPECT].contains(name)
}

impl WasiHttpHooks for Gate {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_own)
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _reading: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = Outcome> + Send> {
        let first_byte: Option<Duration> = options.and_then(|options| options.first_byte_timeout);
        match self.request(&request) {
            Ok(exchange) => Box::new(exchange.run(request, first_byte)),
            Err(refusal) => {
                self.journal.refuse(refusal);
                Box::new(async { Err(HttpError::HttpRequestDenied) })
            }
        }
    }
}
