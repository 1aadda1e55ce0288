//! Links to the next page: in the `Link` header (RFC 8288), or in the answer.

/// The target of the first link whose relation is `next`.
pub(crate) fn next(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let (_, behind) = rest.split_once('<')?;
        let (target, behind) = behind.split_once('>')?;
        // A `<` in a quoted parameter would end the parameters too early; relations have none.
        let parameters = behind.split('<').next().unwrap_or_default();
        if parameters.split([';', ',']).any(is_next) {
            return Some(target);
        }
        rest = behind;
    }
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
    name.trim().eq_ignore_ascii_case("rel") && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
}

/// A link's target as a URL: one of the same server may begin with its path, or be nothing but parameters.
pub(crate) fn resolved(target: &str, from: &str) -> Option<String> {
    if target.starts_with("https://") || target.starts_with("http://") {
        return Some(target.to_owned());
    }
    if target.starts_with('?') {
        return from
            .split(['?', '#'])
            .next()
            .map(|page| format!("{page}{target}"));
    }
    let (scheme, behind) = from.split_once("://")?;
    let authority = behind.split(['/', '?', '#']).next()?;
    (target.starts_with('/') && !target.starts_with("//")).then(|| format!("{scheme}://{authority}{target}"))
}

/// A URL without the parameters of these names.
pub(crate) fn without(url: &str, names: &[String]) -> String {
    let Some((page, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let is_kept = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        !names.iter().any(|known| known == name)
    };
    let kept: Vec<&str> = query.split('&').filter(is_kept).collect();
    if kept.is_empty() {
        page.to_owned()
    } else {
        format!("{page}?{}", kept.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_others() {
        let header = r#"<https://a.example/?page=1,2>; rel="prev", <https://a.example/?page=3>; title="x"; rel="last next""#;
        assert_eq!(next(header), Some("https://a.example/?page=3"));
        assert_eq!(next("</b?c>;rel=next"), Some("/b?c"));
        assert_eq!(next(r#"<https://a.example/>; rel="prev""#), None);
        assert_eq!(next("nonsense"), None);
    }

    #[test]
    fn targets_of_the_same_server_may_be_paths() {
        let from = "https://a.example:8443/x?y=/";
        assert_eq!(
            resolved("/b?c", from).as_deref(),
            Some("https://a.example:8443/b?c")
        );
        assert_eq!(resolved("http://b/c", from).as_deref(), Some("http://b/c"));
        assert_eq!(
            resolved("?c=1", from).as_deref(),
            Some("https://a.example:8443/x?c=1")
        );
        assert_eq!(resolved("b", from), None);
        assert_eq!(resolved("//b/c", from), None);
    }

    #[test]
    fn parameters_are_taken_out() {
        let names = ["key".to_owned()];
        let taken = |url| without(url, &names);
        assert_eq!(taken("https://a/?key=1&page=2"), "https://a/?page=2");
        assert_eq!(taken("https://a/?page=2&key"), "https://a/?page=2");
        assert_eq!(taken("https://a/?key=1"), "https://a/");
        assert_eq!(taken("https://a/?keys=1"), "https://a/?keys=1");
        assert_eq!(taken("https://a/"), "https://a/");
    }
}
