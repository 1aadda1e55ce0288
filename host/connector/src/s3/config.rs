//! What YAML says of an S3 resource, source and destination, and the form in which a task carries it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_core::schema::{Asset, Column, Load, Millis, Node, NodeKind, decode};
use tidegate_core::{Error, Kind, Place};
use url::Url;

use crate::format::{self, CheckedFiles, ColumnCompression, Compression, invalid, refuse_nested};

/// A bucket of S3, or of a service that speaks its protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "S3Resource")]
pub struct ResourceConfig {
    /// The bucket. It must exist.
    #[schemars(length(min = 1))]
    pub bucket: String,
    /// What the keys of all objects begin with, such as `lake/raw`; sources read and destinations write below it.
    #[serde(default)]
    pub prefix: String,
    /// The service's URL, such as `http://localhost:9000`; that of the environment or of AWS unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region; that of the environment, or `us-east-1`, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether the bucket stands in the URL's path instead of its host; where there is an endpoint it does, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_style: Option<bool>,
    /// The access key. Without it, credentials are looked for as all AWS programs do: environment, profile, role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key: Option<String>,
    /// The secret key: `${secret:NAME}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
    /// The session token of keys that expire: `${secret:NAME}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<String>,
    /// How long the service may take for a request, or keep silent in an answer.
    #[serde(default = "default_timeout")]
    pub timeout: Millis,
}

/// Objects to read rows from: the keys of the connector `file`, and one more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "S3Source")]
pub struct SourceConfig {
    /// Which objects, and how they are read.
    #[serde(flatten)]
    pub files: format::SourceConfig,
    /// Read only objects whose keys sort behind the last one that the materialization before has read.
    #[serde(default)]
    pub only_new: bool,
}

/// How rows are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "S3Destination")]
pub struct DestinationConfig {
    /// What the objects hold.
    #[serde(default)]
    pub format: PartFormat,
    /// How they are compressed: Parquet with `snappy` unless given, `zstd`, `lz4` or `none`; text with `gzip`, `zstd` or,
    /// unless given, `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<PartCompression>,
    /// Parquet: rows of a row group, what a reader can skip at once.
    #[serde(default = "default_row_group_rows")]
    #[schemars(range(min = 1024, max = 10_000_000))]
    pub row_group_rows: usize,
    /// CSV: the text that stands for no value. No text of a row may be equal to it, unless it is empty: then texts without
    /// characters and missing ones are written alike.
    #[serde(default = "default_null_text")]
    pub null_text: String,
}

/// What a destination's objects hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "S3Format")]
pub enum PartFormat {
    /// Apache Parquet.
    #[default]
    Parquet,
    /// Comma-separated values (RFC 4180), with a header.
    Csv,
    /// A JSON object a line.
    Jsonl,
}

/// How a destination's objects are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "S3Compression")]
pub enum PartCompression {
    /// Parquet: fast, and half the size.
    Snappy,
    /// Smaller, at about twice the time.
    Zstd,
    /// Parquet: fast, for readers that prefer it to Snappy.
    Lz4,
    /// CSV and JSON Lines: what every reader knows.
    Gzip,
    /// Not at all.
    None,
}

impl PartFormat {
    /// As YAML writes it; names of parts end with it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    /// The format of parts with such an ending, or none.
    pub(super) fn of_ending(ending: &str) -> Option<Self> {
        let (format, packed) = ending.split_once('.').unwrap_or((ending, ""));
        match (format, packed) {
            ("parquet", "") => Some(Self::Parquet),
            ("csv", "" | "gz" | "zst") => Some(Self::Csv),
            ("jsonl", "" | "gz" | "zst") => Some(Self::Jsonl),
            _ => None,
        }
    }
}

impl DestinationConfig {
    /// How the columns of Parquet are compressed, or none where the format does not know it.
    pub(super) fn column_compression(&self) -> Option<ColumnCompression> {
        match self.compression {
            None | Some(PartCompression::Snappy) => Some(ColumnCompression::Snappy),
            Some(PartCompression::Zstd) => Some(ColumnCompression::Zstd),
            Some(PartCompression::Lz4) => Some(ColumnCompression::Lz4),
            Some(PartCompression::None) => Some(ColumnCompression::None),
            Some(PartCompression::Gzip) => None,
        }
    }

    /// How text is compressed, or none where text is not compressed so.
    pub(super) fn text_compression(&self) -> Option<Compression> {
        match self.compression {
            None | Some(PartCompression::None) => Some(Compression::None),
            Some(PartCompression::Gzip) => Some(Compression::Gzip),
            Some(PartCompression::Zstd) => Some(Compression::Zstd),
            Some(PartCompression::Snappy | PartCompression::Lz4) => None,
        }
    }

    /// The ending of parts' names.
    pub(super) fn ending(&self) -> String {
        let packed = match (self.format, self.text_compression()) {
            (PartFormat::Parquet, _) => "",
            (_, Some(Compression::Gzip)) => ".gz",
            (_, Some(Compression::Zstd)) => ".zst",
            _ => "",
        };
        format!("{}{packed}", self.format.text())
    }
}

/// A source as a task carries it: objects, or what an asset of an S3 destination holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CheckedSource {
    Objects {
        files: CheckedFiles,
        only_new: bool,
    },
    Asset {
        asset: String,
        destination: DestinationConfig,
    },
}

fn default_timeout() -> Millis {
    Millis(60_000)
}

fn default_row_group_rows() -> usize {
    122_880
}

fn default_null_text() -> String {
    "\\N".into()
}

/// A resource's config, its prefix empty or with `/` at the end.
pub(super) fn check_resource(config: &Node) -> Result<ResourceConfig, Vec<Error>> {
    let mut config: ResourceConfig = decode(config)?;
    let mut errors = Vec::new();
    if config.bucket.is_empty() || config.bucket.contains(['/', ':']) {
        errors.push(invalid(
            "/bucket",
            format!("`{}` is not the name of a bucket", config.bucket),
        ));
    }
    let prefix = config.prefix.trim_end_matches('/');
    if !prefix.is_empty() && prefix.split('/').any(|part| matches!(part, "" | "." | "..")) {
        errors.push(
            invalid(
                "/prefix",
                format!("`{}` is not the start of a key", config.prefix),
            )
            .hint("write it like a path, without `/` in front, and without `.` and `..`"),
        );
    }
    if let Some(endpoint) = &config.endpoint {
        let good = Url::parse(endpoint).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
        });
        if !good {
            let message = "the endpoint must be a URL such as `http://localhost:9000`, with no login in it";
            errors.push(invalid("/endpoint", message));
        }
    }
    for (given, other, pointer, name) in [
        (
            &config.access_key,
            &config.secret_key,
            "/access_key",
            "secret_key",
        ),
        (
            &config.secret_key,
            &config.access_key,
            "/secret_key",
            "access_key",
        ),
        (
            &config.session_token,
            &config.access_key,
            "/session_token",
            "access_key",
        ),
    ] {
        if given.is_some() && other.is_none() {
            errors.push(invalid(pointer, format!("`{name}` must be given with it")));
        }
    }
    if config.timeout.0 == 0 {
        errors.push(invalid("/timeout", "the timeout must be longer than nothing"));
    }
    config.prefix = if prefix.is_empty() {
        String::new()
    } else {
        format!("{prefix}/")
    };
    if errors.is_empty() {
        Ok(config)
    } else {
        Err(errors)
    }
}

/// A source's config, resolved.
pub(super) fn check_source(config: &Node, columns: &[Column]) -> Result<CheckedSource, Vec<Error>> {
    const ONLY_NEW: &str = "only_new";
    let only_new = match config.get(ONLY_NEW) {
        None => false,
        Some(node) => match decode::<bool>(node) {
            Ok(only_new) => only_new,
            Err(_) => return Err(vec![invalid("/only_new", "it is `true` or `false`")]),
        },
    };
    let files = match &config.kind {
        NodeKind::Map(_) => format::check_source(&config.without(&[ONLY_NEW]), columns, "prefix")?,
        _ => format::check_source(config, columns, "prefix")?,
    };
    Ok(CheckedSource::Objects { files, only_new })
}

/// A destination's config, with what its load and columns ask for.
pub(super) fn check_destination(config: &Node, asset: &Asset) -> Result<DestinationConfig, Vec<Error>> {
    let decoded: DestinationConfig = decode(config)?;
    let mut errors = Vec::new();
    if asset.destination.load == Load::Upsert {
        errors.push(
            Error::new(
                Kind::Schema,
                "schema.load_unsupported",
                "objects cannot be loaded with `load: upsert`",
            )
            .at(Place::Pointer(String::new()))
            .hint("use `append`, `replace` or `replace_partition`, or a database as destination"),
        );
    }
    if !(1_024..=10_000_000).contains(&decoded.row_group_rows) {
        errors.push(invalid(
            "/row_group_rows",
            "a row group must have 1,024 to 10,000,000 rows",
        ));
    }
    let known = match decoded.format {
        PartFormat::Parquet => decoded.column_compression().is_some(),
        PartFormat::Csv | PartFormat::Jsonl => decoded.text_compression().is_some(),
    };
    if !known {
        errors.push(
            invalid(
                "/compression",
                format!("{} is not compressed so", decoded.format.text()),
            )
            .hint("Parquet takes `snappy`, `zstd`, `lz4` or `none`; text takes `gzip`, `zstd` or `none`"),
        );
    }
    if decoded.null_text.contains(['"', ',', '\r', '\n']) {
        errors.push(invalid("/null_text", "it may hold no quote, comma or line end"));
    }
    if decoded.format == PartFormat::Csv {
        errors.extend(asset.columns.iter().filter_map(refuse_nested));
    }
    if errors.is_empty() {
        Ok(decoded)
    } else {
        Err(errors)
    }
}
