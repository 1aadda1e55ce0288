//! One request that was granted: sent, maybe again, and answered.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use url::Url;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use super::admit::shown;
use super::client::Client;
use super::connect::ConnectError;
use super::granted::Granted;
use super::journal::{Journal, Refusal};
use super::reply::reply;
use super::retry::{self, LONGEST_RETRY_AFTER, backoff, is_idempotent, may_pass};
use super::waits::Waits;
use tidegate_core::port::LogLevel;

/// An answer, and what goes on while its body is read; or why there is none.
pub(super) type Outcome = Result<
    (
        Response<WasiBody>,
        Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ),
    HttpError,
>;

/// A request that was granted, and what it needs.
pub(super) struct Exchange {
    pub(super) client: Client,
    pub(super) granted: Arc<Granted>,
    pub(super) url: Url,
    pub(super) journal: Arc<Journal>,
    pub(super) waits: Waits,
}

/// Why an attempt has no answer.
enum Failure {
    /// Nothing was sent.
    Connect(ConnectError),
    /// Something may have been sent.
    Sent(String),
    Timeout,
}

impl Exchange {
    /// Sends a request and answers what came back. `first_byte` is the guest's own limit for the answer's head.
    pub(super) async fn run(self, request: Request<WasiBody>, first_byte: Option<Duration>) -> Outcome {
        let limits = self.granted.grant.limits;
        let (mut head, body) = request.into_parts();
        let shown = shown(&head.method, &head.uri);
        let body = self.body(body, &shown).await?;
        // hyper makes these from the URL and the body.
        head.headers.remove(HOST);
        head.headers.remove(CONTENT_LENGTH);
        self.granted.dress(&mut head.headers);
        let mut url = self.url.clone();
        let query = self.granted.query(head.uri.query());
        url.set_query(query.as_deref());
        head.uri = Uri::try_from(url.as_str()).map_err(|_| HttpError::HttpRequestUriInvalid)?;

        let allowed = Duration::from_millis(limits.timeout.0);
        // For a place, a turn and an answer as long as the grant says, and for the pauses between.
        let longest = (allowed + LONGEST_RETRY_AFTER) * (limits.retries + 1) + allowed;
        let under_way = self.waits.open(longest);
        let place = timeout(allowed, self.granted.pace.place()).await.ok().flatten();
        let Some(place) = place else {
            let hint = "answers are not read, or `concurrency` is too low for `timeout`";
            self.journal.line(
                LogLevel::Warn,
                format!("`{shown}`: no place for it in {allowed:?}; {hint}"),
            );
            return Err(HttpError::ConnectionLimitReached);
        };
        for repeat in 0.. {
            let more = repeat < limits.retries;
            if timeout(allowed, self.granted.pace.turn()).await.is_err() {
                self.journal.line(
                    LogLevel::Warn,
                    format!("`{shown}`: no turn for it in {allowed:?}"),
                );
                return Err(HttpError::ConnectionLimitReached);
            }
            let deadline = Instant::now() + allowed;
            let head_deadline = first_byte.map_or(deadline, |first| deadline.min(Instant::now() + first));
            let mut request = Request::new(Full::new(body.clone()));
            *request.method_mut() = head.method.clone();
            *request.uri_mut() = head.uri.clone();
            *request.headers_mut() = head.headers.clone();
            let (why, pause) = match self.attempt(request, head_deadline).await {
                Ok(answer) => {
                    let status = answer.status();
                    let again = more && may_pass(status) && is_idempotent(&head.method);
                    let pause = retry::pause(answer.headers(), repeat, SystemTime::now());
                    match pause.filter(|_| again) {
                        Some(pause) => (status.to_string(), pause),
                        None => return self.answer(answer, deadline, (under_way, place), &shown),
                    }
                }
                Err(Failure::Connect(error)) if more && passes(&error) => {
                    (error.to_string(), backoff(repeat))
                }
                Err(failure) => return Err(self.failed(failure, &shown, allowed)),
            };
            self.journal.line(
                LogLevel::Info,
                format!(
                    "`{shown}`: {why}; again in {} ms ({} of {})",
                    pause.as_millis(),
                    repeat + 1,
                    limits.retries
                ),
            );
            sleep(pause).await;
        }
        Err(HttpError::InternalError(None))
    }

    /// The whole body of a request: kept, so that it can be sent again.
    async fn body(&self, mut body: WasiBody, shown: &str) -> Result<Bytes, HttpError> {
        let allowed_bytes = self.granted.grant.limits.request.0;
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if (bytes.len() + data.len()) as u64 > allowed_bytes {
                self.journal.line(
                    LogLevel::Warn,
                    format!(
                        "`{shown}`: its body has more than {allowed_bytes} bytes; raise `limits: {{request}}`"
                    ),
                );
                return Err(HttpError::HttpRequestBodySize(Some(allowed_bytes)));
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes.freeze())
    }

    async fn attempt(
        &self,
        request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Response<Incoming>, Failure> {
        let pool = self.client.pool(&self.granted.grant);
        let answer = timeout_at(deadline, pool.request(request)).await;
        let error = match answer.map_err(|_| Failure::Timeout)? {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(connect) = inner.downcast_ref::<ConnectError>() {
                return Err(Failure::Connect(connect.clone()));
            }
            cause = inner.source();
        }
        Err(Failure::Sent(
            error.source().map_or(error.to_string(), ToString::to_string),
        ))
    }

    /// The answer, for the guest. `kept` is what others wait for until the body was read.
    fn answer(
        &self,
        answer: Response<Incoming>,
        deadline: Instant,
        kept: impl Send + 'static,
        shown: &str,
    ) -> Outcome {
        let allowed_bytes = self.granted.grant.limits.response.0;
        let (mut head, body) = answer.into_parts();
        let bytes = body.size_hint().lower();
        if bytes > allowed_bytes {
            self.journal.line(
                LogLevel::Warn,
                format!("`{shown}`: the answer has {bytes} bytes; raise `limits: {{response}}` above {allowed_bytes}"),
            );
            return Err(HttpError::HttpResponseBodySize(Some(allowed_bytes)));
        }
        for value in head.headers.values_mut() {
            // A server that repeats what the host sent does not give it to the guest in a header.
            if let Ok(text) = value.to_str() {
                let masked = self.journal.secrets.redact(text.to_owned());
                if masked != text {
                    *value = HeaderValue::try_from(masked).unwrap_or(HeaderValue::from_static(""));
                }
            }
        }
        let (reply, reading) = reply(
            body,
            allowed_bytes,
            deadline,
            self.journal.clone(),
            shown.to_owned(),
        );
        let io = async move {
            reading.end().await;
            drop(kept);
            Ok(())
        };
        Ok((Response::from_parts(head, reply.boxed_unsync()), Box::new(io)))
    }

    fn failed(&self, failure: Failure, shown: &str, allowed: Duration) -> HttpError {
        let (why, error) = match failure {
            Failure::Connect(ConnectError::Prohibited(host, address)) => {
                self.journal.refuse(Refusal {
                    what: format!(
                        "`{shown}` is refused: `{host}` resolves to {address}, which is not an address of the Internet"
                    ),
                    hint: "if it is meant, write `private: true` in the grant".to_owned(),
                });
                return HttpError::DestinationIpProhibited;
            }
            Failure::Connect(error) => {
                let code = match error {
                    ConnectError::Resolve(..) => HttpError::DnsError {
                        rcode: None,
                        info_code: None,
                    },
                    ConnectError::Tls(..) => HttpError::TlsProtocolError,
                    _ => HttpError::ConnectionRefused,
                };
                (error.to_string(), code)
            }
            Failure::Sent(why) => (why, HttpError::ConnectionTerminated),
            Failure::Timeout => (
                format!("no answer in {allowed:?}"),
                HttpError::HttpResponseTimeout,
            ),
        };
        self.journal.line(LogLevel::Warn, format!("`{shown}`: {why}"));
        error
    }
}

/// Whether a failure to connect may be none the next time.
fn passes(error: &ConnectError) -> bool {
    match error {
        ConnectError::Resolve(..) | ConnectError::Refused(..) => true,
        ConnectError::Prohibited(..) | ConnectError::Tls(..) => false,
    }
}
