//! One check of an asset, as YAML declares it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::duration::{ByteSize, Millis};
use super::http::HttpGrant;
use super::one_or_many::OneOrMany;
use super::placeholder::placeholders;
use super::transform::{Limits, Reads};
use crate::plan::AssetName;
use crate::port::Severity;

/// What built-in checks may hold where nothing else is written: 8 million rows of a check `unique`.
const BUILT_IN_MEMORY: ByteSize = ByteSize(256 << 20);

/// Something that is to hold of what is loaded: one of the built-in checks, or a plugin that looks at the rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Check")]
pub struct CheckDecl {
    /// What its results are kept under; without it, made from what is checked. Small letters, digits, `_` and `-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<AssetName>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How grave a failure is: `error` unless told; a plugin says so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Whether a failure of severity `error` keeps the load from being shown: yes unless told, but for `relation` and `sql`,
    /// which look at what lies in the destination and so never do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocking: Option<bool>,
    /// Columns in which no value is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_null: Option<OneOrMany>,
    /// Columns that no two rows of a load have the same values in. Rows in which one is missing are not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<OneOrMany>,
    /// A column that has only these values, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_values: Option<AcceptedValuesDecl>,
    /// A column with values from one to another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<RangeDecl>,
    /// A column of text that a pattern is found in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<RegexDecl>,
    /// How many rows a load has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_count: Option<RowCountDecl>,
    /// A load has about as many rows as those before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_count_anomaly: Option<RowCountAnomalyDecl>,
    /// The newest value of a column is not old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<FreshColumnDecl>,
    /// Every value of a column is there in a column of another asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<RelationDecl>,
    /// A SELECT over assets, each written `{NAME}`; every row of its answer is a failure. The asset's own name is the slice
    /// that was loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// The plugin, with the versions that will do: `row-count@^1`. Without `@`, any version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The columns that a plugin is shown, and no others. `"*"` opens all but those tagged `pii`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
    /// The plugin's config, checked by the plugin.
    #[serde(default)]
    pub config: Value,
    /// The HTTP requests that a plugin may make.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
    /// What it may use; of `unique`, `relation` and `sql` the memory alone, 256 MiB unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// A column that has only these values, or none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AcceptedValues")]
pub struct AcceptedValuesDecl {
    /// The column.
    pub column: String,
    /// The values, in the column's type.
    pub values: Vec<Value>,
}

/// A column with values from one to another, both included; a missing value is in every range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Range")]
pub struct RangeDecl {
    /// The column.
    pub column: String,
    /// The least, in the column's type.
    #[serde(default)]
    pub min: Option<Value>,
    /// The greatest, in the column's type.
    #[serde(default)]
    pub max: Option<Value>,
}

/// A column of text that a pattern is found in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Regex")]
pub struct RegexDecl {
    /// The column.
    pub column: String,
    /// The pattern, found anywhere in the text: write `^` and `$` for all of it.
    pub pattern: String,
}

/// How many rows a load has, at least and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RowCount")]
pub struct RowCountDecl {
    /// At least.
    #[serde(default)]
    pub min: Option<u64>,
    /// At most.
    #[serde(default)]
    pub max: Option<u64>,
}

/// How far from the row counts of earlier loads is too far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "RowCountAnomaly")]
pub struct RowCountAnomalyDecl {
    /// How many loads before it are looked at, 5 to 1,000.
    pub history: u32,
    /// How many times the usual distance from their median is too far.
    pub tolerance: f64,
}

impl RowCountAnomalyDecl {
    /// With fewer loads nothing can be said.
    pub const LEAST_HISTORY: u32 = 5;
    /// More than anybody needs for a median.
    pub const MOST_HISTORY: u32 = 1_000;
}

impl Default for RowCountAnomalyDecl {
    fn default() -> Self {
        Self {
            history: 20,
            tolerance: 5.0,
        }
    }
}

/// The newest value of a column is not old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FreshColumn")]
pub struct FreshColumnDecl {
    /// A column of timestamps or dates; without a time zone they are read as UTC.
    pub column: String,
    /// How old it may be when the attempt begins.
    pub within: Millis,
}

/// Every value of a column is there in a column of another asset; a missing value need not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Relation")]
pub struct RelationDecl {
    /// The column.
    pub column: String,
    /// The other asset.
    pub asset: AssetName,
    /// Its column; that of the same name, unless told.
    #[serde(default)]
    pub to: Option<String>,
}

impl RelationDecl {
    /// The column of the other asset.
    pub fn to(&self) -> &str {
        self.to.as_deref().unwrap_or(&self.column)
    }
}

impl CheckDecl {
    /// The keys of what is checked that are there; a check that is right has one.
    pub fn kinds(&self) -> Vec<&'static str> {
        [
            ("not_null", self.not_null.is_some()),
            ("unique", self.unique.is_some()),
            ("accepted_values", self.accepted_values.is_some()),
            ("range", self.range.is_some()),
            ("regex", self.regex.is_some()),
            ("row_count", self.row_count.is_some()),
            ("row_count_anomaly", self.row_count_anomaly.is_some()),
            ("freshness", self.freshness.is_some()),
            ("relation", self.relation.is_some()),
            ("sql", self.sql.is_some()),
            ("plugin", self.plugin.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, there)| there.then_some(key))
        .collect()
    }

    /// What its results are kept under: its name, or what is checked, such as `not_null(id)`. Of a plugin without a name the
    /// plugin's; its results have the version behind it.
    pub fn title(&self) -> String {
        if let Some(name) = &self.name {
            return name.to_string();
        }
        if let Some(plugin) = &self.plugin {
            return plugin.split('@').next().unwrap_or_default().to_owned();
        }
        let kind = self.kinds().first().copied().unwrap_or("check");
        let columns = self.columns();
        if columns.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}({})", columns.join(", "))
        }
    }

    /// The columns that a built-in check looks at.
    pub fn columns(&self) -> Vec<&str> {
        let many = [&self.not_null, &self.unique].into_iter().flatten();
        let one = [
            self.accepted_values.as_ref().map(|decl| &decl.column),
            self.range.as_ref().map(|decl| &decl.column),
            self.regex.as_ref().map(|decl| &decl.column),
            self.freshness.as_ref().map(|decl| &decl.column),
            self.relation.as_ref().map(|decl| &decl.column),
        ];
        many.flat_map(|decl| &decl.0)
            .chain(one.into_iter().flatten())
            .map(String::as_str)
            .collect()
    }

    /// Whether it looks at what lies in the destination, once the load is shown.
    pub fn looks_after(&self) -> bool {
        self.relation.is_some() || self.sql.is_some()
    }

    /// Whether a failure of severity `error` keeps the load from being shown.
    pub fn blocks(&self) -> bool {
        self.blocking.unwrap_or(!self.looks_after())
    }

    /// The columns that a plugin is shown; of a built-in check none.
    pub fn reads(&self) -> &Reads {
        const NONE: &Reads = &Reads::Columns(Vec::new());
        self.reads.as_ref().unwrap_or(NONE)
    }

    /// What it may use.
    pub fn limits(&self) -> Limits {
        let built_in = Limits {
            memory: BUILT_IN_MEMORY,
            ..Limits::default()
        };
        let default = if self.plugin.is_some() {
            Limits::default()
        } else {
            built_in
        };
        self.limits.unwrap_or(default)
    }

    /// The assets that it names in braces or as the other side of a relation.
    pub fn assets(&self) -> Vec<AssetName> {
        let named = self.sql.as_deref().map(placeholders).unwrap_or_default();
        let related = self.relation.as_ref().map(|decl| decl.asset.clone());
        named.into_iter().chain(related).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_called_by_its_name_or_by_what_it_checks() {
        let mut check = CheckDecl {
            not_null: Some(OneOrMany(vec!["id".into(), "at".into()])),
            ..CheckDecl::default()
        };
        assert_eq!(check.title(), "not_null(id, at)");
        assert!(check.blocks());
        check.name = Some("ids".parse().unwrap());
        assert_eq!(check.title(), "ids");
        let plugin = CheckDecl {
            plugin: Some("row-count@^1".into()),
            ..CheckDecl::default()
        };
        assert_eq!(plugin.title(), "row-count");
        let sql = CheckDecl {
            sql: Some("SELECT 1 FROM {orders}".into()),
            ..CheckDecl::default()
        };
        assert_eq!((sql.title().as_str(), sql.blocks()), ("sql", false));
        assert_eq!(sql.assets(), ["orders".parse().unwrap()]);
    }
}
