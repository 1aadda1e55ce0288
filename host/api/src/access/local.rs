//! What is asked of a request where no token is: that it is meant for this machine, and comes from no foreign page.

use http::{HeaderMap, header};

/// Whether a request is one of this machine's own programs or pages. A page of elsewhere that a browser here shows can send
/// requests to a loopback address as well: its own name stands in `Origin`, or, where it had its name point here, in `Host`.
pub(super) fn is_of_this_machine(headers: &HeaderMap) -> bool {
    let host = text(headers, header::HOST.as_str());
    let origin = text(headers, header::ORIGIN.as_str());
    let fetched = text(headers, "sec-fetch-site");
    host.is_some_and(|host| is_local(without_port(host)))
        && origin.is_none_or(|origin| {
            let host = origin.split_once("://").map_or(origin, |(_, host)| host);
            is_local(without_port(host))
        })
        && fetched.is_none_or(|site| matches!(site, "same-origin" | "none"))
}

/// A header's text. One that is there and no text is one that nobody allowed.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// A host without its port; the brackets of an IPv6 address stay.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || matches!(host, "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pairs: &[(&'static str, &str)]) -> bool {
        let headers = pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
        is_of_this_machine(&headers.collect())
    }

    #[test]
    fn a_program_of_this_machine_is_let_in_and_a_page_of_another_is_not() {
        for host in [
            "localhost:3004",
            "127.0.0.1:3004",
            "[::1]:3004",
            "LocalHost",
            "[::1]",
        ] {
            assert!(said(&[("host", host)]), "{host}");
        }
        for host in [
            "evil.example:3004",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "::1",
            "",
        ] {
            assert!(!said(&[("host", host)]), "{host}");
        }
        assert!(!said(&[]), "no host");
        let local = ("host", "localhost:3004");
        assert!(said(&[
            local,
            ("origin", "http://localhost:3004"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(!said(&[local, ("origin", "https://evil.example")]));
        assert!(!said(&[local, ("origin", "null")]), "a page without a name");
        assert!(!said(&[local, ("sec-fetch-site", "cross-site")]));
    }
}
