//! What can be wrong with a grant of HTTP.

use crate::schema::http::{HttpGrant, HttpLimits};
use crate::schema::{has_reference, plain_url};

/// The methods that a grant may name. `CONNECT` would open a tunnel, `TRACE` answers with what the host put in.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Headers that belong to the connection, or that the host makes itself.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The largest body that a grant may allow: it is held in memory, the host's or the guest's.
const MAX_BODY_BYTES: u64 = 1 << 30;
/// The longest that one request may take: what a load balancer gives a slow report.
const MAX_TIMEOUT_MS: u64 = 600_000;
/// Requests at once: what one host takes from one client before it calls it an attack.
const MAX_CONCURRENCY: u32 = 256;
/// Repeats of a request: with the pauses between them ten take more than a minute.
const MAX_RETRIES: u32 = 10;

/// One thing that is wrong: the JSON pointer below the grant, what, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantFault {
    /// Below the grant: `/url`.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub hint: Option<String>,
}

/// Everything wrong with a grant. Values of headers and the like are not looked at: they may be secrets.
pub fn grant_faults(grant: &HttpGrant) -> Vec<GrantFault> {
    let mut faults = Vec::new();
    let mut fault = |pointer: &str, message: String, hint: Option<String>| {
        faults.push(GrantFault {
            pointer: pointer.to_owned(),
            message,
            hint,
        });
    };
    match plain_url(&grant.url) {
        // That is an error of its own.
        _ if has_reference(&grant.url) => {}
        Err(why) => fault(
            "/url",
            format!("the URL {why}"),
            Some("write scheme, host and the beginning of the path: `https://api.example.com/v1/`".into()),
        ),
        Ok(url) if url.query().is_some() => fault(
            "/url",
            "the URL has a query".into(),
            Some(
                "what the host is to add stands in `query`; the plugin's own parameters need no grant".into(),
            ),
        ),
        Ok(_) => {}
    }
    if grant.methods.is_empty() {
        fault(
            "/methods",
            "no method is granted".into(),
            Some("write `[GET]`".into()),
        );
    }
    for (index, method) in grant.methods.iter().enumerate() {
        if !METHODS.contains(&method.as_str()) {
            let upper = method.to_ascii_uppercase();
            let hint = if METHODS.contains(&upper.as_str()) {
                format!("write `{upper}`")
            } else {
                format!("the methods are {}", METHODS.join(", "))
            };
            fault(
                &format!("/methods/{index}"),
                format!("`{method}` is not a method that can be granted"),
                Some(hint),
            );
        }
    }
    for name in grant.headers.keys() {
        let lower = name.to_ascii_lowercase();
        let twice = grant
            .headers
            .keys()
            .filter(|other| other.eq_ignore_ascii_case(name))
            .count()
            > 1;
        let why = if !token(name) {
            "is not a name of a header"
        } else if OWN_HEADERS.contains(&lower.as_str()) {
            "is a header that the host makes itself"
        } else if lower == "authorization" && grant.basic.is_some() {
            "is what `basic` sets"
        } else if twice {
            "is there twice, in other capitals"
        } else {
            continue;
        };
        fault("/headers", format!("`{name}` {why}"), None);
    }
    if grant.query.contains_key("") {
        fault("/query", "a parameter needs a name".into(), None);
    }
    if grant.basic.as_ref().is_some_and(|basic| basic.user.contains(':')) {
        fault(
            "/basic/user",
            "a user of basic authentication has no `:` in it".into(),
            None,
        );
    }
    limits(grant.limits, &mut fault);
    faults
}

fn limits(limits: HttpLimits, fault: &mut dyn FnMut(&str, String, Option<String>)) {
    let HttpLimits {
        request,
        response,
        timeout,
        concurrency,
        per_second: _,
        retries,
    } = limits;
    for (key, value, least, most) in [
        ("request", request.0, 0, MAX_BODY_BYTES),
        ("response", response.0, 0, MAX_BODY_BYTES),
        ("timeout", timeout.0, 1, MAX_TIMEOUT_MS),
        (
            "concurrency",
            u64::from(concurrency),
            1,
            u64::from(MAX_CONCURRENCY),
        ),
        ("retries", u64::from(retries), 0, u64::from(MAX_RETRIES)),
    ] {
        if !(least..=most).contains(&value) {
            let unit = match key {
                "request" | "response" => " bytes",
                "timeout" => " milliseconds",
                _ => "",
            };
            fault(
                &format!("/limits/{key}"),
                format!("`{value}`{unit}; {least} to {most} are allowed"),
                None,
            );
        }
    }
}

/// A token of RFC 9110, section 5.6.2.
fn token(text: &str) -> bool {
    let mark = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
}
