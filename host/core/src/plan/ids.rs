//! Newtypes for what would otherwise be loose strings and numbers.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be a name: start with a small letter, go on with small letters, digits, `_` or `-`, 100 characters at most"
)]
pub struct InvalidName(pub String);

/// The name of an asset or resource: `[a-z][a-z0-9_-]{0,99}`, so that it is a safe file, table and URL part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetName(String);

impl JsonSchema for AssetName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,99}$"})
    }
}

impl AssetName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AssetName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut characters = text.chars();
        let starts = characters.next().is_some_and(|first| first.is_ascii_lowercase());
        let goes_on =
            characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'));
        if starts && goes_on && text.len() <= 100 {
            Ok(Self(text))
        } else {
            Err(InvalidName(text))
        }
    }
}

impl std::str::FromStr for AssetName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

impl From<AssetName> for String {
    fn from(name: AssetName) -> Self {
        name.0
    }
}

impl fmt::Display for AssetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A partition's key, such as `2013-02`; the empty key is the one slice of an asset without partitions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionKey(pub String);

impl PartitionKey {
    /// The slice of an asset that has no partitions.
    pub fn whole() -> Self {
        Self::default()
    }

    /// Whether this is the one slice of an asset without partitions.
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// What stands in the place of a slice for a step of a job: the run, so that a step of one run is no other's, and of a
    /// step that is made for many values the number of one, from 0.
    pub fn of_step(run: RunId, place: StepPlace) -> Self {
        Self(match place {
            StepPlace::Whole => format!("{STEP}{run}"),
            StepPlace::Item(index) => format!("{STEP}{run}:{index}"),
        })
    }

    /// What of a step this is; none for the slice of an asset.
    pub fn step(&self) -> Option<StepPlace> {
        let rest = self.0.strip_prefix(STEP)?;
        let (run, index) = match rest.split_once(':') {
            Some((run, index)) => (run, Some(index.parse().ok()?)),
            None => (rest, None),
        };
        run.parse::<uuid::Uuid>().ok()?;
        Some(index.map_or(StepPlace::Whole, StepPlace::Item))
    }
}

/// What the key of a step begins with.
const STEP: &str = "step:";

/// What of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepPlace {
    /// The step.
    Whole,
    /// What it does for one of its values, from 0.
    Item(u32),
}

impl fmt::Display for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step() {
            Some(StepPlace::Item(index)) => write!(f, "#{index}"),
            Some(StepPlace::Whole) => f.write_str("-"),
            None => f.write_str(if self.is_whole() { "-" } else { &self.0 }),
        }
    }
}

/// A run's id: UUID version 7, so ids sort by the time they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub uuid::Uuid);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A backfill's id: UUID version 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BackfillId(pub uuid::Uuid);

impl fmt::Display for BackfillId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The fence of an attempt: each new attempt at an asset partition takes a higher one, over all runs, and whoever holds
/// a lower one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub i64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who works on an attempt: unique to one process.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(pub String);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A sha256, as `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        use std::fmt::Write as _;
        let mut text = String::from("sha256:");
        for byte in sha2::Sha256::digest(bytes) {
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The hexadecimal digits alone.
    pub fn hex(&self) -> &str {
        self.0.strip_prefix("sha256:").unwrap_or(&self.0)
    }

    /// The first twelve hexadecimal digits, for people.
    pub fn short(&self) -> &str {
        let hex = self.hex();
        hex.get(..12).unwrap_or(hex)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
