//! HTTP requests, as far as the schema grants them.
//!
//! ```
//! use tidegate_sdk::http;
//!
//! # fn rate() -> Result<f64, tidegate_sdk::fault::Fault> {
//! let answer = http::get("https://api.example.com/v1/rates").query("base", "EUR").send()?.success()?;
//! let rate: f64 = answer.json()?;
//! # Ok(rate)
//! # }
//! // Natively, in a unit test, the author answers.
//! let rate = http::answered_by(|_request| http::Response::new(200).with_body("1.25"), rate);
//! assert_eq!(rate.unwrap(), 1.25);
//! ```
//!
//! The host finds the grant that a request falls under, puts in what the grant's `headers`, `query` and `basic` say, and
//! repeats what failed for now. Secrets there are never seen here. Redirects are not followed: an answer with one is an
//! answer, and a plugin that asks for its `location` needs a grant for that too. A plugin that makes no request does not
//! import HTTP.

use std::cell::RefCell;
use std::fmt::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;

#[cfg(target_arch = "wasm32")]
mod wasi;

/// The largest answer that [`Request::send`] takes where nothing else is said, in bytes: what a grant allows by default.
const MAX_RESPONSE_BYTES: usize = 16 << 20;

/// A request that is being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET` and the like.
    pub method: String,
    /// The whole URL, query included.
    pub url: String,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    max_response_bytes: usize,
}

/// A `GET` of a URL.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// A `POST` to a URL.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// A request with any method.
pub fn request(method: impl Into<String>, url: impl Into<String>) -> Request {
    Request {
        method: method.into(),
        url: url.into(),
        headers: Vec::new(),
        body: Vec::new(),
        max_response_bytes: MAX_RESPONSE_BYTES,
    }
}

impl Request {
    /// Adds a header. The host sets `Host` and what belongs to the connection, and what the grant says, over this.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a parameter to the URL's query, encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        encode(name, &mut self.url);
        self.url.push('=');
        encode(value, &mut self.url);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to a value's JSON, and `content-type` to that.
    pub fn json(self, value: &impl Serialize) -> Result<Self, Fault> {
        let body = serde_json::to_vec(value)
            .map_err(|error| Fault::fatal(format!("a request's body cannot be made JSON: {error}")))?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// The largest answer to take, in bytes; the grant's own limit holds too.
    #[must_use]
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// Sends it and waits for the whole answer. Whatever may pass is [`Fault::Retryable`]: no connection, no answer in
    /// time, 429 and 5xx, with the pause that the server asks for. A request that the host refuses, and an answer that is
    /// too large, are [`Fault::Fatal`]. Other statuses are answers: see [`Response::success`].
    pub fn send(self) -> Result<Response, Fault> {
        let answer = exchange(&self)?;
        if answer.body.len() > self.max_response_bytes {
            return Err(self.too_large());
        }
        if answer.status == 429 || answer.status >= 500 {
            let seconds = answer
                .header("retry-after")
                .and_then(|text| text.trim().parse::<u64>().ok());
            return Err(Fault::Retryable {
                message: format!("{} answered {}", self.place(), answer.status),
                after_ms: seconds.map(|seconds| seconds.saturating_mul(1_000)),
            });
        }
        Ok(answer)
    }

    /// The request without its query, for messages.
    fn place(&self) -> String {
        let url = self.url.split('?').next().unwrap_or_default();
        format!("{} {url}", self.method)
    }

    fn too_large(&self) -> Fault {
        let allowed = self.max_response_bytes;
        Fault::fatal(format!("{} answered more than {allowed} bytes", self.place()))
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 200 and the like.
    pub status: u16,
    /// Names in small letters, and values; bytes that are no UTF-8 replaced.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer with a status and nothing else, for [`answered_by`].
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// With a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The first header of a name, in any capitals.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The answer, where its status says that all went well (2xx); [`Fault::Fatal`] otherwise.
    pub fn success(self) -> Result<Self, Fault> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(Fault::fatal(format!("the server answered {}", self.status)))
    }

    /// The body as text.
    pub fn text(&self) -> Result<&str, Fault> {
        std::str::from_utf8(&self.body).map_err(|error| Fault::data(format!("an answer is no text: {error}")))
    }

    /// The body as a value made from JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Fault::data(format!("an answer is not the JSON that was expected: {error}")))
    }
}

/// Answers requests in a native test.
type Server = Box<dyn FnMut(&Request) -> Response>;

thread_local! {
    static SERVER: RefCell<Option<Server>> = const { RefCell::new(None) };
}

/// Runs a test whose requests, on this thread, are answered by a function. For native unit tests; in a component requests
/// go to the host.
pub fn answered_by<R>(server: impl FnMut(&Request) -> Response + 'static, test: impl FnOnce() -> R) -> R {
    /// Puts back what was there, also where the test panics.
    struct Before(Option<Server>);
    impl Drop for Before {
        fn drop(&mut self) {
            let before = self.0.take();
            SERVER.with(|server| *server.borrow_mut() = before);
        }
    }
    let _before = Before(SERVER.with(|known| known.borrow_mut().replace(Box::new(server))));
    test()
}

#[cfg(target_arch = "wasm32")]
fn exchange(request: &Request) -> Result<Response, Fault> {
    wasi::exchange(request)
}

#[cfg(not(target_arch = "wasm32"))]
fn exchange(request: &Request) -> Result<Response, Fault> {
    SERVER.with(|server| match server.borrow_mut().as_mut() {
        Some(server) => Ok(server(request)),
        None => Err(Fault::fatal(format!(
            "{}: no server in a native test; put it into `http::answered_by`",
            request.place()
        ))),
    })
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(byte as char);
        } else {
            // Writing to a text cannot fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_answers_and_sees_the_request() {
        let sent = || {
            post("https://a.example/x?y")
                .query("q", "a b&c")
                .json(&[1, 2])
                .unwrap()
                .send()
        };
        let answer = answered_by(
            |request| {
                assert_eq!(request.method, "POST");
                assert_eq!(request.url, "https://a.example/x?y&q=a%20b%26c");
                assert_eq!(
                    request.headers,
                    [("content-type".to_owned(), "application/json".to_owned())]
                );
                Response::new(201)
                    .with_header("ETag", "7")
                    .with_body(request.body.clone())
            },
            sent,
        )
        .unwrap();
        assert_eq!((answer.status, answer.header("etag")), (201, Some("7")));
        assert_eq!(answer.success().unwrap().json::<Vec<i32>>().unwrap(), [1, 2]);
        assert!(matches!(sent(), Err(Fault::Fatal(message)) if message.contains("answered_by")));
    }

    #[test]
    fn statuses_become_faults() {
        let send = |status: u16| {
            let server = move |_: &Request| Response::new(status).with_header("Retry-After", "7");
            answered_by(server, || get("https://a.example/x?key=1").send())
        };
        for status in [429, 500, 503] {
            assert_eq!(
                send(status),
                Err(Fault::Retryable {
                    message: format!("GET https://a.example/x answered {status}"),
                    after_ms: Some(7_000),
                })
            );
        }
        assert_eq!(send(302).unwrap().status, 302);
        assert!(matches!(send(404).unwrap().success(), Err(Fault::Fatal(_))));
    }

    #[test]
    fn an_answer_beyond_the_limit_is_refused() {
        let send = |bytes: usize| {
            let server = |_: &Request| Response::new(200).with_body("12345");
            answered_by(server, || {
                get("https://a.example/").max_response_bytes(bytes).send()
            })
        };
        assert!(send(5).is_ok());
        assert!(matches!(send(4), Err(Fault::Fatal(message)) if message.contains("more than 4 bytes")));
    }
}
