//! A grant, ready to be used: its URL parsed, what the host puts into requests made.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_core::schema::{HttpGrant, grant_faults, plain_url};
use tidegate_core::{Error, Kind};
use url::Url;
use url::form_urlencoded::{byte_serialize, parse};

use super::client::Client;
use super::pace::Pace;

/// A grant with its secrets filled in.
pub(super) struct Granted {
    pub(super) grant: HttpGrant,
    pub(super) base: Url,
    /// Set in every request, over the guest's own.
    headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) pace: Arc<Pace>,
}

impl Granted {
    pub(super) fn new(grant: &HttpGrant, client: &Client) -> Result<Self, Error> {
        let wrong = |why: String| {
            Error::new(
                Kind::Schema,
                "plugin.http_grant",
                format!("the grant of `{}`: {why}", grant.url),
            )
        };
        if let Some(fault) = grant_faults(grant).into_iter().next() {
            return Err(wrong(format!("{}: {}", fault.pointer, fault.message)));
        }
        let base = plain_url(&grant.url).map_err(|why| wrong(format!("the URL {why}")))?;
        let mut headers = Vec::new();
        for (name, value) in &grant.headers {
            let value = HeaderValue::from_str(value);
            // The value may be a secret, and is not shown.
            let wrong = || {
                wrong(format!("the value of the header `{name}` cannot stand in one"))
                    .hint("a header's value is one line; look for a line's end in the secret")
            };
            let mut value = value.map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.push((
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?,
                value,
            ));
        }
        if let Some(basic) = &grant.basic {
            let value = format!("Basic {}", encoded(&basic.user, &basic.password));
            let mut value = HeaderValue::try_from(value).map_err(|error| wrong(error.to_string()))?;
            value.set_sensitive(true);
            headers.push((AUTHORIZATION, value));
        }
        Ok(Self {
            grant: grant.clone(),
            base,
            headers,
            pace: client.pace(grant),
        })
    }

    /// Puts the grant's headers in place of the guest's.
    pub(super) fn dress(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// The query of a request: the guest's own, without parameters of the grant's names, and the grant's.
    pub(super) fn query(&self, own: Option<&str>) -> Option<String> {
        let granted =
            |pair: &str| parse(pair.as_bytes()).any(|(name, _)| self.grant.query.contains_key(name.as_ref()));
        let own = own
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty() && !granted(pair));
        let mut pairs: Vec<String> = own.map(str::to_owned).collect();
        for (name, value) in &self.grant.query {
            pairs.push(format!("{}={}", form(name), form(value)));
        }
        (!pairs.is_empty()).then(|| pairs.join("&"))
    }
}

fn form(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn encoded(user: &str, password: &str) -> String {
    STANDARD.encode(format!("{user}:{password}"))
}

/// The secrets of a step, and the forms in which its grants put them into requests: an answer that repeats one must not
/// show it.
pub fn secret_forms(secrets: &[String], grants: &[HttpGrant]) -> Vec<String> {
    let secret = |text: &str| {
        secrets
            .iter()
            .any(|secret| !secret.is_empty() && text.contains(secret.as_str()))
    };
    let mut forms = secrets.to_vec();
    for grant in grants {
        forms.extend(
            grant
                .query
                .values()
                .filter(|value| secret(value))
                .map(|value| form(value)),
        );
        if let Some(basic) = &grant.basic
            && (secret(&basic.user) || secret(&basic.password))
        {
            forms.push(encoded(&basic.user, &basic.password));
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(yaml: serde_json::Value) -> Granted {
        let grant: HttpGrant = serde_json::from_value(yaml).unwrap();
        Granted::new(&grant, &Client::new().unwrap()).unwrap()
    }

    #[test]
    fn a_guest_cannot_set_a_granted_parameter_in_any_spelling() {
        let granted =
            granted(serde_json::json!({"url": "https://a.example/", "query": {"api_key": "s&cret"}}));
        assert_eq!(
            granted
                .query(Some("a=1&api_key=mine&api%5Fkey=mine&b=%20&api_key"))
                .unwrap(),
            "a=1&b=%20&api_key=s%26cret"
        );
        assert_eq!(granted.query(None).unwrap(), "api_key=s%26cret");
    }

    #[test]
    fn every_form_of_a_secret_is_known() {
        let grant: HttpGrant = serde_json::from_value(serde_json::json!({
            "url": "https://a.example/", "query": {"k": "s&cret", "page": "1"}, "basic": {"user": "u", "password": "s&cret"},
        }))
        .unwrap();
        assert_eq!(
            secret_forms(&["s&cret".into()], &[grant]),
            ["s&cret", "s%26cret", "dTpzJmNyZXQ="]
        );
    }
}
