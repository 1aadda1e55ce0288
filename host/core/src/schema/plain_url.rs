//! URLs that can be read in one way only: what a grant names and what the gate compares with it.

use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// How often a path is decoded to look for `..`: servers decode once, some proxies once more.
const MAX_DECODINGS: usize = 4;

/// A URL with scheme `http` or `https` and a host, written in the plain form that `url` would print it in. Everything that
/// two readers could take for different addresses is refused: user information, `.` and `..` in any encoding, empty
/// segments, a dot behind the host, letters beyond ASCII, addresses in other than the usual notation. Scheme and host may
/// be written in capitals, the port may be the scheme's own. Answers what is wrong, in words that follow the URL.
pub fn plain_url(text: &str) -> Result<Url, String> {
    if authority(text).contains('*') {
        return Err("has a wildcard for a host; name each host".into());
    }
    if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(format!(
            "has the character {odd:?}; write it percent-encoded, and a host in its `xn--` form"
        ));
    }
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "has the scheme `{}`; `http` and `https` are known",
            url.scheme()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
        return Err("has a user or password in it".into());
    }
    match url.host() {
        Some(Host::Domain(name)) if name.ends_with('.') => return Err("has a dot behind its host".into()),
        Some(_) => {}
        None => return Err("has no host".into()),
    }
    if url.fragment().is_some() {
        return Err("has a fragment".into());
    }
    let path = url.path();
    if path.contains("//") {
        return Err("has an empty segment in its path".into());
    }
    if path.split('/').any(climbs) {
        return Err("has `.` or `..` in its path".into());
    }
    if same(text, &url) {
        Ok(url)
    } else {
        Err(format!(
            "is not written plainly; `{}` is what it comes to",
            plain(&url)
        ))
    }
}

/// Whether `url` is `base` or lies below it: same scheme, host and port, and a path that begins with the base's, a segment
/// counting as a whole.
pub fn lies_below(url: &Url, base: &Url) -> bool {
    let path = url.path();
    let start = base.path();
    let below = path
        .strip_prefix(start)
        .is_some_and(|rest| start.ends_with('/') || rest.is_empty() || rest.starts_with('/'));
    url.scheme() == base.scheme()
        && url.host() == base.host()
        && url.port_or_known_default() == base.port_or_known_default()
        && below
}

/// What stands between `//` and the path.
fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())]
}

/// The URL without its query.
fn plain(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

/// Whether the parsed URL is the text again, but for capitals in scheme and host, the scheme's own port, and the path of
/// a URL without one. The query is no part of what is compared, and stays as it is.
fn same(text: &str, url: &Url) -> bool {
    let without_query = text.split('?').next().unwrap_or_default();
    let Some((scheme, _)) = without_query.split_once("://") else {
        return false;
    };
    let host_and_port = authority(without_query).to_ascii_lowercase();
    let path = &without_query[scheme.len() + 3 + host_and_port.len()..];
    let port = match url.scheme() {
        "http" => ":80",
        _ => ":443",
    };
    let host_and_port = host_and_port.strip_suffix(port).unwrap_or(&host_and_port);
    let path = if path.is_empty() { "/" } else { path };
    format!("{}://{host_and_port}{path}", scheme.to_ascii_lowercase()) == plain(url)
}

/// Whether a segment, decoded, has a `.` or `..` in it, which a server behind a proxy could follow.
fn climbs(segment: &str) -> bool {
    let mut segment = segment.to_owned();
    for _ in 0..MAX_DECODINGS {
        // `..;a` is `..` to servers that know path parameters.
        let dots = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
        if segment.split(['/', '\\']).any(dots) || segment.contains(|c: char| c.is_control()) {
            return true;
        }
        let decoded = percent_decode_str(&segment).decode_utf8_lossy().into_owned();
        if decoded == segment {
            return false;
        }
        segment = decoded;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_urls_are_taken() {
        for text in [
            "https://api.example.com",
            "https://api.example.com/",
            "HTTPS://API.Example.com:443/v1/a%2Fb?x=%2e%2e&y=\"",
            "http://127.0.0.1:8080/a..b/...",
            "http://[::1]:8080/",
            "https://xn--bcher-kva.example/",
        ] {
            assert!(plain_url(text).is_ok(), "{text}: {:?}", plain_url(text));
        }
    }

    #[test]
    fn what_two_readers_could_take_for_different_addresses_is_refused() {
        for text in [
            "ftp://a.example/",
            "https:///v1/",
            "https://user@a.example/",
            "https://@a.example/",
            "https://a.example@b.example/",
            "https://a.example./",
            "https://bücher.example/",
            "https://*.example/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://[::ffff:7f00:1]:0443/",
            "https://a.example/v1/../admin",
            "https://a.example/v1/./x",
            "https://a.example/v1/%2e%2E/admin",
            "https://a.example/v1/%252e%252e/admin",
            "https://a.example/v1/..%2fadmin",
            "https://a.example/v1/%2e%2e%5cadmin",
            "https://a.example/v1/..;x/admin",
            "https://a.example/v1//admin",
            "https://a.example/v1\\admin",
            "https://a.example\\@b.example/",
            "https://a.example/v1/%00",
            "https://a.example/v1/#x",
            "https://a.example/v1 /x",
            "https:a.example/v1/",
        ] {
            assert!(plain_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let url = |text| plain_url(text).unwrap();
        for (base, text, below) in [
            ("https://a.example/v1", "https://a.example/v1", true),
            ("https://a.example/v1", "https://a.example/v1/x", true),
            ("https://a.example/v1", "https://a.example/v1?x", true),
            ("https://a.example/v1", "https://a.example/v1x", false),
            ("https://a.example/v1/", "https://a.example/v1", false),
            ("https://a.example/v1/", "https://a.example/V1/", false),
            ("https://a.example/", "http://a.example/", false),
            ("https://a.example/", "https://a.example:8443/", false),
            ("https://a.example:443/", "https://A.EXAMPLE/x", true),
            ("https://a.example/", "https://b.a.example/", false),
        ] {
            assert_eq!(lies_below(&url(text), &url(base)), below, "{text} below {base}");
        }
    }
}
