//! A grant in a line, as `plan` shows it.

use std::cell::RefCell;

use tidegate_core::schema::{HttpGrant, ReferenceKind, fill_grants};

/// A grant of HTTP in a line: methods, URL, and what the host puts in. Values are not shown: they may be secrets.
pub(crate) fn http(grant: &HttpGrant) -> String {
    let mut put: Vec<String> = Vec::new();
    put.extend(grant.headers.keys().map(|name| format!("header {name}")));
    put.extend(grant.query.keys().map(|name| format!("parameter {name}")));
    put.extend(grant.basic.as_ref().map(|_| "basic authentication".to_owned()));
    let mut line = format!("{} {}", grant.methods.join(", "), grant.url);
    if !put.is_empty() {
        line = format!("{line} with {}", put.join(", "));
    }
    let secrets = secret_names(grant);
    if !secrets.is_empty() {
        line = format!("{line} (secrets {})", secrets.join(", "));
    }
    if grant.private {
        line.push_str(", private addresses too");
    }
    line
}

/// The secrets that a grant refers to, by their names.
fn secret_names(grant: &HttpGrant) -> Vec<String> {
    let names = RefCell::new(Vec::new());
    let note = |_: ReferenceKind, name: &str| {
        let mut names = names.borrow_mut();
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        Ok(Some(String::new()))
    };
    // A reference that is none was an error when the project was read.
    let _ = fill_grants(std::slice::from_ref(grant), ReferenceKind::Secret, &note);
    names.into_inner()
}

#[cfg(test)]
mod tests {
    use tidegate_core::schema::HttpGrant;

    use super::http;

    #[test]
    fn a_grant_is_a_line_without_values() {
        let grant =
            |json| serde_json::from_value::<HttpGrant>(json).unwrap_or_else(|error| panic!("{error}"));
        let all = grant(serde_json::json!({
            "url": "https://api.example.com/v1/", "methods": ["GET", "POST"], "private": true,
            "headers": {"Authorization": "Bearer ${secret:TOKEN}", "X-Plain": "plain"},
            "query": {"key": "${secret:KEY}-${secret:TOKEN}"}, "basic": {"user": "me", "password": "${secret:PASS}"},
        }));
        assert_eq!(
            http(&all),
            "GET, POST https://api.example.com/v1/ with header Authorization, header X-Plain, parameter key, basic \
             authentication (secrets TOKEN, KEY, PASS), private addresses too"
        );
        assert_eq!(
            http(&grant(serde_json::json!({"url": "https://a.example/"}))),
            "GET https://a.example/"
        );
    }
}
