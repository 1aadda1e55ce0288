//! What HTTP a plugin is granted, as YAML declares it and a plan carries it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::{ByteSize, Millis};

/// Requests that a plugin may make: those whose URL begins with `url`, with one of the methods. What stands in `headers`,
/// `query` and `basic` is put into each request by the host, outside the sandbox: `${secret:X}` there is never seen by
/// the plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// Scheme, host, maybe port, and the beginning of the path: `https://api.example.com/v1/`.
    pub url: String,
    /// The methods.
    #[serde(default = "get")]
    pub methods: Vec<String>,
    /// Headers that the host sets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Query parameters that the host adds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// User and password of basic authentication, which the host sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<Basic>,
    /// Whether the host may resolve to a private or loopback address.
    #[serde(default)]
    pub private: bool,
    /// What the requests may use.
    #[serde(default)]
    pub limits: HttpLimits,
}

/// User and password of basic authentication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user.
    pub user: String,
    /// The password, such as `${secret:SHOP_PASSWORD}`.
    pub password: String,
}

/// What the requests of one grant may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpLimits {
    /// The body of a request.
    pub request: ByteSize,
    /// The body of a response.
    pub response: ByteSize,
    /// From the first byte sent to the last one received, retries not counted.
    pub timeout: Millis,
    /// Requests at once.
    pub concurrency: u32,
    /// Requests begun in a second; 0 for as many as there are.
    pub per_second: u32,
    /// How often the host repeats a request that failed for now: 429, 502, 503, 504, or no connection.
    pub retries: u32,
}

impl Default for HttpLimits {
    fn default() -> Self {
        // A page of an API is a few megabytes at most; a server that takes half a minute for it is not well.
        Self {
            request: ByteSize(16 << 20),
            response: ByteSize(16 << 20),
            timeout: Millis(30_000),
            concurrency: 4,
            per_second: 0,
            retries: 3,
        }
    }
}

fn get() -> Vec<String> {
    vec!["GET".into()]
}
