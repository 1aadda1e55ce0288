//! Which grant speaks for a request, and what to say where none does.

use std::sync::Arc;

use http::{Method, Uri};
use tidegate_core::schema::{lies_below, plain_url};
use url::Url;

use super::granted::Granted;
use super::journal::Refusal;

/// The longest URL that a guest may ask for, in bytes: what common servers take.
const MAX_URL_BYTES: usize = 8 << 10;

/// The grant that speaks for a request, and its URL. Of those whose URL it lies below and that have its method, the one
/// with the longest path.
pub(super) fn admit(
    grants: &[Arc<Granted>],
    method: &Method,
    uri: &Uri,
) -> Result<(Arc<Granted>, Url), Refusal> {
    let shown = shown(method, uri);
    let text = uri.to_string();
    if text.len() > MAX_URL_BYTES {
        return Err(Refusal {
            what: format!("`{shown}` is refused: its URL has {} bytes", text.len()),
            hint: format!("a plugin may ask for URLs of {MAX_URL_BYTES} bytes"),
        });
    }
    let url = plain_url(&text).map_err(|why| Refusal {
        what: format!("`{shown}` is refused: its URL {why}"),
        hint: "a plugin may ask only for URLs that can be read in one way".to_owned(),
    })?;
    let fits = |granted: &&Arc<Granted>| lies_below(&url, &granted.base);
    let has = |granted: &Granted| {
        granted
            .grant
            .methods
            .iter()
            .any(|granted| granted == method.as_str())
    };
    let best = grants
        .iter()
        .filter(fits)
        .max_by_key(|granted| (has(granted), granted.base.path().len()));
    match best {
        Some(granted) if has(granted) => Ok((granted.clone(), url)),
        Some(granted) => {
            let mut methods = granted.grant.methods.clone();
            methods.push(method.to_string());
            Err(Refusal {
                what: format!("`{shown}` is not granted: the grant of its URL has other methods"),
                hint: format!(
                    "to allow it, write `http: [{{url: \"{}\", methods: [{}]}}]`",
                    granted.grant.url,
                    methods.join(", ")
                ),
            })
        }
        None => Err(Refusal {
            what: format!("`{shown}` is not granted"),
            hint: format!(
                "to allow it, add to the plugin's step or resource: `http: [{{url: \"{}\", methods: [{method}]}}]`",
                folder(&url)
            ),
        }),
    }
}

/// A request as it is shown: without its query, which may hold what nobody should read.
pub(super) fn shown(method: &Method, uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{method} {scheme}://{host}{}", uri.path())
}

/// A URL up to its last `/`, which is what an author means more often than one page.
fn folder(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    let path = url.path();
    let end = path.rfind('/').map_or(path.len(), |slash| slash + 1);
    let path = path[..end].to_owned();
    url.set_path(&path);
    url.into()
}
