//! Which columns the columns of assets are made from, as grants, shapes and SQL plans have it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tidegate_core::Errors;
use tidegate_core::plan::{AssetName, Step};

use super::{AssetPlan, Project};

/// A column of an asset, or of the source of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Origin {
    /// The asset that is read; none for what a resource gives.
    pub asset: Option<AssetName>,
    /// The column; none where only the asset is known.
    pub column: Option<String>,
}

/// What a column of an asset is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnLineage {
    /// The column.
    pub column: String,
    /// What its values come from: columns that the last step before them was shown, and so on up to the source.
    pub from: Vec<Origin>,
    /// The steps that made it anew, in order: `plugin@version`, or `sql`. None where it is the source's as it was.
    pub made_by: Vec<String>,
}

impl AssetPlan {
    /// What each loaded column is made from.
    pub fn column_lineage(&self) -> Vec<ColumnLineage> {
        let fields = self.loaded.fields().iter();
        fields.map(|field| self.lineage_of(field.name())).collect()
    }

    /// What a column is made from, through every step.
    pub fn lineage_of(&self, column: &str) -> ColumnLineage {
        let mut names = vec![column.to_owned()];
        // What SQL joined comes from no step above.
        let mut joined: Vec<String> = Vec::new();
        let mut made_by = Vec::new();
        for step in self.steps.iter().rev() {
            let mut above: Vec<String> = Vec::new();
            for name in &names {
                let Some(output) = step.lineage.0.iter().find(|output| output.name == *name) else {
                    // A plugin tells only what it made or was shown; all else passes by.
                    add(&mut above, name);
                    continue;
                };
                if output.made {
                    add(&mut made_by, &step_name(&step.spec));
                }
                for from in &output.from {
                    let table = from.split_once('.').map(|(table, _)| table);
                    if table.is_some_and(|table| joins(&step.spec, table)) {
                        add(&mut joined, from);
                    } else {
                        add(&mut above, from);
                    }
                }
            }
            names = above;
        }
        made_by.reverse();
        let joined = joined.iter().filter_map(|name| {
            let (table, column) = name.split_once('.')?;
            Some(Origin {
                asset: Some(table.parse().ok()?),
                column: Some(column.to_owned()),
            })
        });
        let mut from: Vec<Origin> = Vec::new();
        for origin in names.into_iter().flat_map(|name| self.read(name)).chain(joined) {
            if !from.contains(&origin) {
                from.push(origin);
            }
        }
        ColumnLineage {
            column: column.to_owned(),
            from,
            made_by,
        }
    }

    /// Where a column of the source comes from. A query over assets runs where they lie, and is not read.
    fn read(&self, column: String) -> Vec<Origin> {
        match &self.reads {
            Some(asset) => vec![Origin {
                asset: Some(asset.clone()),
                column: Some(column),
            }],
            None if self.queried.is_empty() => vec![Origin {
                asset: None,
                column: Some(column),
            }],
            None => {
                let whole = |asset: &AssetName| Origin {
                    asset: Some(asset.clone()),
                    column: None,
                };
                self.queried.iter().map(whole).collect()
            }
        }
    }
}

impl Project {
    /// What the columns of an asset and of all that it is made from are made from, by asset. Every asset is bound.
    pub async fn lineage_above(
        &self,
        name: &AssetName,
    ) -> Result<BTreeMap<AssetName, Vec<ColumnLineage>>, Errors> {
        let wanted = self.graph.with_ancestors(std::slice::from_ref(name));
        self.lineage_of(wanted).await
    }

    /// The same of the assets that are directly made from one.
    pub async fn lineage_below(
        &self,
        name: &AssetName,
    ) -> Result<BTreeMap<AssetName, Vec<ColumnLineage>>, Errors> {
        self.lineage_of(self.graph.downstream(name).cloned().collect())
            .await
    }

    async fn lineage_of(
        &self,
        names: BTreeSet<AssetName>,
    ) -> Result<BTreeMap<AssetName, Vec<ColumnLineage>>, Errors> {
        let names: Vec<AssetName> = names.into_iter().collect();
        let plans = self.prepare(&names).await?;
        let each = plans
            .iter()
            .map(|plan| (plan.name.clone(), plan.column_lineage()));
        Ok(each.collect())
    }
}

/// Whether a step reads a table beside the stream.
fn joins(step: &Step, table: &str) -> bool {
    match step {
        Step::Sql(sql) => sql.tables.iter().any(|known| known.asset.as_str() == table),
        Step::Plugin(_) => false,
    }
}

fn add(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

fn step_name(step: &Step) -> String {
    match step {
        Step::Plugin(spec) => format!("{}@{}", spec.plugin, spec.version),
        Step::Sql(_) => "sql".into(),
    }
}
