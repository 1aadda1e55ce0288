//! A step that asks a query over assets.

use std::sync::Arc;

use arrow_json::ArrayWriter;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tidegate_core::schema::SqlStepDecl;
use tidegate_core::{Error, Kind, Result};

use super::step::{StepWork, fitting};
use crate::instigate::first;
use crate::project::Project;

/// The most rows of an answer.
const MAX_ROWS: usize = 10_000;

/// Asks; the answer is `{"count": 2, "rows": [{"id": 1}, {"id": 2}]}`.
pub(super) async fn ask(project: &Arc<Project>, step: &StepWork, decl: &SqlStepDecl) -> Result<Value> {
    let sql = step.fill_with("query", &decl.query, &literal)?;
    let (_, mut batches) = project.query(&sql, decl.memory.0).await.map_err(first)?;
    let mut writer = ArrayWriter::new(Vec::new());
    let mut count = 0;
    let unwritten = |error: arrow_schema::ArrowError| {
        let message = format!("step `{}`: the answer is no JSON: {error}", step.step.name);
        Error::new(Kind::Data, "step.sql", message).hint("CAST what JSON does not have to text")
    };
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        count += batch.num_rows();
        if count > MAX_ROWS {
            let message = format!(
                "step `{}`: the answer has more than {MAX_ROWS} rows",
                step.step.name
            );
            return Err(Error::new(Kind::Data, "step.sql", message)
                .hint("aggregate, or write LIMIT; rows that are data belong into an asset"));
        }
        writer.write(&batch).map_err(unwritten)?;
    }
    writer.finish().map_err(unwritten)?;
    let text = writer.into_inner();
    let rows: Value = if text.is_empty() {
        json!([])
    } else {
        serde_json::from_slice(&text).map_err(|error| {
            let message = format!("step `{}`: the answer is no JSON: {error}", step.step.name);
            Error::new(Kind::Internal, "step.sql", message)
        })?
    };
    fitting(&step.step.name, json!({"count": count, "rows": rows}))
}

/// A value as SQL writes it, so that no value ends what stands around it.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("({})", items.join(", "))
        }
        Value::String(text) => quoted(text),
        Value::Object(_) => quoted(&value.to_string()),
    }
}

/// A brace is taken from what follows it: in a value it names no asset.
fn quoted(text: &str) -> String {
    let text = text.replace('\'', "''");
    if text.contains('{') {
        format!("('{}')", text.replace('{', "{'||'"))
    } else {
        format!("'{text}'")
    }
}
