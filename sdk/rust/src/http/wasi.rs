//! Requests through `wasi:http`, to the host.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{ErrorCode, Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

use super::{Request, Response};
use crate::fault::Fault;

/// The most that one write to the body's stream may have, in bytes (`blocking-write-and-flush` of `wasi:io`).
const WRITE_BYTES: usize = 4_096;

/// Read at once, in bytes: the size in which connections hand on what they receive.
const READ_BYTES: u64 = 64 << 10;

/// Sends a request and waits for the whole answer.
pub(super) fn exchange(request: &Request) -> Result<Response, Fault> {
    let wrong = |what: &str| Fault::fatal(format!("{}: {what}", request.place()));
    let headers: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    let fields =
        Fields::from_list(&headers).map_err(|error| wrong(&format!("a header cannot be sent: {error}")))?;
    let outgoing = OutgoingRequest::new(fields);
    let (scheme, rest) = request.url.split_once("://").ok_or_else(|| wrong("not a URL"))?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return Err(wrong("not a URL of HTTP")),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    outgoing
        .set_method(&method(&request.method))
        .map_err(|()| wrong("not a method"))?;
    outgoing
        .set_scheme(Some(&scheme))
        .map_err(|()| wrong("not a URL of HTTP"))?;
    outgoing
        .set_authority(Some(authority))
        .map_err(|()| wrong("not a host"))?;
    outgoing
        .set_path_with_query(Some(&path))
        .map_err(|()| wrong("not a path"))?;
    let body = outgoing.body().map_err(|()| wrong("no body"))?;
    let future = handle(outgoing, None).map_err(|code| failed(request, &code))?;
    write(body, &request.body).map_err(|code| {
        code.map_or_else(|| wrong("its body was not taken"), |code| failed(request, &code))
    })?;
    future.subscribe().block();
    // Ready and taken once, as blocked for.
    let answer = future
        .get()
        .and_then(Result::ok)
        .ok_or_else(|| wrong("no answer"))?;
    let answer = answer.map_err(|code| failed(request, &code))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = answer.headers().entries();
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), text(value)))
        .collect();
    let body = answer.consume().map_err(|()| wrong("its answer has no body"))?;
    Ok(Response {
        status: answer.status(),
        headers,
        body: read(request, &body)?,
    })
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

/// Writes a body and ends it. Where the host stopped taking it, the answer says why.
fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), Option<ErrorCode>> {
    {
        let stream = body.write().map_err(|()| None)?;
        for chunk in bytes.chunks(WRITE_BYTES) {
            if stream.blocking_write_and_flush(chunk).is_err() {
                return Ok(());
            }
        }
    }
    OutgoingBody::finish(body, None).map_err(Some)
}

fn read(request: &Request, body: &IncomingBody) -> Result<Vec<u8>, Fault> {
    let stream = body
        .stream()
        .map_err(|()| Fault::fatal(format!("{}: its answer has no body", request.place())))?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(read) => bytes.extend_from_slice(&read),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(match wasip2::http::types::http_error_code(&error) {
                    Some(code) => failed(request, &code),
                    None => Fault::fatal(format!("{}: {}", request.place(), error.to_debug_string())),
                });
            }
        }
        if bytes.len() > request.max_response_bytes {
            return Err(request.too_large());
        }
    }
}

/// What came of a request without an answer.
fn failed(request: &Request, code: &ErrorCode) -> Fault {
    let place = request.place();
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Fault::fatal(format!(
            "the host refuses {place}: the schema does not grant it; the run's log says what to add"
        )),
        ErrorCode::HttpRequestBodySize(allowed) => {
            Fault::fatal(format!("{place}: its body is too large{}", limit(*allowed)))
        }
        ErrorCode::HttpResponseBodySize(allowed) => {
            Fault::fatal(format!("{place}: its answer is too large{}", limit(*allowed)))
        }
        ErrorCode::DnsTimeout
        | ErrorCode::DnsError(_)
        | ErrorCode::DestinationUnavailable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTerminated
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::HttpResponseIncomplete
        | ErrorCode::HttpResponseTimeout => Fault::Retryable {
            message: format!("{place}: {code:?}"),
            after_ms: None,
        },
        _ => Fault::fatal(format!("{place}: {code:?}")),
    }
}

fn limit(allowed: Option<u64>) -> String {
    allowed.map_or_else(String::new, |bytes| format!(": {bytes} bytes are allowed"))
}
