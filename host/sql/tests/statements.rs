//! Statements over batches that a test holds: what they answer, what they hold, what they refuse.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::{FutureExt, StreamExt, TryStreamExt};
use tidegate_core::port::{Cursor, Source, SourceBatch, StreamTransform};
use tidegate_core::schema::Column;
use tidegate_core::{Error, Kind};
use tidegate_sql::{Limits, SqlTransform, Table, query, tables_of};

const LIMITS: Limits = Limits {
    memory_bytes: 64 << 20,
    batch_rows: 1_024,
};

fn columns(list: &[(&str, &str)]) -> Vec<Column> {
    list.iter()
        .map(|(name, data_type)| Column::new(name, data_type.parse().unwrap()))
        .collect()
}

fn orders() -> SchemaRef {
    Column::schema(&columns(&[("id", "int64"), ("carrier", "utf8")]))
}

/// Rows of [`orders`], in batches of 1,000.
fn batches(rows: i64) -> Vec<RecordBatch> {
    (0..rows)
        .step_by(1_000)
        .map(|start| {
            let ids = start..rows.min(start + 1_000);
            RecordBatch::try_new(
                orders(),
                vec![
                    Arc::new(Int64Array::from_iter_values(ids.clone())),
                    Arc::new(StringArray::from_iter_values(
                        ids.map(|id| format!("c{}", id % 10)),
                    )),
                ],
            )
            .unwrap()
        })
        .collect()
}

/// A source of batches that a test holds.
struct Held {
    schema: SchemaRef,
    left: VecDeque<RecordBatch>,
    fails: bool,
}

#[async_trait]
impl Source for Held {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    async fn next(&mut self) -> Result<Option<SourceBatch>, Error> {
        match self.left.pop_front() {
            None if self.fails => Err(Error::new(Kind::Resource, "test.gone", "the table is gone")),
            None => Ok(None),
            Some(batch) => Ok(Some(SourceBatch {
                batch,
                cursor: Cursor(serde_json::Value::Null),
                rejects: None,
            })),
        }
    }
}

/// An asset of carriers: `code`, `name`, and a column that nobody wants.
fn carriers(count: i64, wanted: Arc<AtomicUsize>, fails: bool) -> Table {
    let all = columns(&[("code", "utf8"), ("name", "utf8"), ("founded", "int64")]);
    let own = all.clone();
    Table {
        name: "carriers".into(),
        columns: all,
        open: Arc::new(move |names| {
            wanted.fetch_add(names.len(), Ordering::SeqCst);
            let own = own.clone();
            async move {
                let kept: Vec<Column> = names
                    .iter()
                    .map(|name| own.iter().find(|column| column.name == *name).unwrap().clone())
                    .collect();
                let schema = Column::schema(&kept);
                let arrays = names.iter().map(|name| -> Arc<dyn Array> {
                    match name.as_str() {
                        "code" => {
                            Arc::new(StringArray::from_iter_values((0..count).map(|n| format!("c{n}"))))
                        }
                        "name" => Arc::new(StringArray::from_iter_values(
                            (0..count).map(|n| format!("Carrier {n}")),
                        )),
                        _ => Arc::new(Int64Array::from_iter_values(0..count)),
                    }
                });
                let batch = RecordBatch::try_new(schema.clone(), arrays.collect()).unwrap();
                let source: Box<dyn Source> = Box::new(Held {
                    schema,
                    left: VecDeque::from([batch]),
                    fails,
                });
                Ok(source)
            }
            .boxed()
        }),
    }
}

async fn transformed(
    sql: &str,
    tables: &[Table],
    rows: i64,
    limits: Limits,
) -> Result<Vec<RecordBatch>, Error> {
    let bound = SqlTransform::bind(sql, orders(), tables, limits).await?;
    let schema = bound.output_schema();
    let answer = Box::new(bound)
        .run(futures::stream::iter(batches(rows)).boxed())
        .await?;
    let batches: Vec<RecordBatch> = answer.try_collect().await?;
    for batch in &batches {
        assert_eq!(batch.schema(), schema);
    }
    Ok(batches)
}

fn numbers(batches: &[RecordBatch], column: usize) -> Vec<i64> {
    batches
        .iter()
        .flat_map(|batch| batch.column(column).as_primitive::<Int64Type>().values().to_vec())
        .collect()
}

#[tokio::test]
async fn rows_go_through_in_their_order() {
    let answer = transformed(
        "SELECT id * 2 AS twice FROM input WHERE id % 3 = 0",
        &[],
        10_000,
        LIMITS,
    )
    .await
    .unwrap();
    let expected: Vec<i64> = (0..10_000).filter(|id| id % 3 == 0).map(|id| id * 2).collect();
    assert_eq!(numbers(&answer, 0), expected);
    let most = answer.iter().map(RecordBatch::num_rows).max().unwrap();
    assert!(most <= LIMITS.batch_rows, "{most}");
    let but = transformed("SELECT * EXCEPT (carrier) FROM input", &[], 10, LIMITS)
        .await
        .unwrap();
    assert_eq!(but[0].num_columns(), 1);
    let few = transformed("SELECT id FROM input LIMIT 3", &[], 100_000, LIMITS)
        .await
        .unwrap();
    assert_eq!(numbers(&few, 0), [0, 1, 2]);
    let none = transformed("SELECT count(*) AS n FROM input", &[], 0, LIMITS)
        .await
        .unwrap();
    assert_eq!(numbers(&none, 0), [0]);
}

#[tokio::test]
async fn an_asset_is_joined_and_only_what_is_wanted_of_it_is_read() {
    let wanted = Arc::new(AtomicUsize::new(0));
    let sql = "SELECT i.id, c.name FROM input i JOIN \"carriers\" c ON c.code = i.carrier";
    let answer = transformed(sql, &[carriers(5, wanted.clone(), false)], 10_000, LIMITS)
        .await
        .unwrap();
    // The asset is the side that is held: the stream's rows stay in their order.
    let expected: Vec<i64> = (0..10_000).filter(|id| id % 10 < 5).collect();
    assert_eq!(numbers(&answer, 0), expected);
    assert_eq!(answer[0].column(1).as_string::<i32>().value(0), "Carrier 0");
    assert_eq!(wanted.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_long_stream_is_sorted_and_grouped_on_the_disk() {
    let small = Limits {
        memory_bytes: 16 << 20,
        batch_rows: 1_024,
    };
    let rows = 1_500_000;
    let sorted = transformed(
        "SELECT id, carrier FROM input ORDER BY carrier DESC, id DESC",
        &[],
        rows,
        small,
    )
    .await
    .unwrap();
    let ids = numbers(&sorted, 0);
    assert_eq!(
        (ids.len() as i64, ids[0], ids[ids.len() - 1]),
        (rows, 1_499_999, 0)
    );
    let grouped = transformed(
        "SELECT id, count(*) AS n FROM input GROUP BY id",
        &[],
        rows,
        small,
    )
    .await
    .unwrap();
    assert_eq!(numbers(&grouped, 1).iter().sum::<i64>(), rows);
    // A join has to hold one side, and says so where it cannot.
    let wanted = Arc::new(AtomicUsize::new(0));
    let sql = "SELECT i.id, c.name FROM input i JOIN \"carriers\" c ON c.code = i.carrier";
    let error = transformed(sql, &[carriers(1_000_000, wanted, false)], 10, small)
        .await
        .unwrap_err();
    assert_eq!(error.code, "sql.memory", "{error}");
    assert!(error.message.contains("16777216 bytes"), "{error}");
}

#[tokio::test]
async fn errors_say_whose_they_are() {
    let wanted = Arc::new(AtomicUsize::new(0));
    let broken = carriers(5, wanted.clone(), true);
    let sql = "SELECT i.id, c.name FROM input i JOIN \"carriers\" c ON c.code = i.carrier";
    let error = transformed(sql, &[broken], 10, LIMITS).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("test.gone", "the table is gone")
    );
    for (sql, code, part) in [
        ("SELEC id FROM input", "sql.statement", "SELEC"),
        ("SELECT nothing FROM input", "sql.statement", "nothing"),
        ("SELECT id FROM nowhere", "sql.statement", "nowhere"),
        ("SELECT id, id FROM input", "sql.statement", "id"),
        ("SELECT 1; SELECT 2", "sql.statement", ""),
        (
            "SELECT i.id FROM input i JOIN input j ON i.id = j.id",
            "sql.statement",
            "once",
        ),
        ("DROP TABLE input", "sql.not_a_select", "DDL"),
        (
            "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
            "sql.not_a_select",
            "DDL",
        ),
        ("COPY input TO '/tmp/x.csv'", "sql.not_a_select", "DML"),
        ("SET datafusion.execution.batch_size = 1", "sql.not_a_select", ""),
        ("EXPLAIN SELECT 1", "sql.not_a_select", ""),
        ("SELECT * FROM '/etc/passwd'", "sql.statement", ""),
        ("SELECT INTERVAL '1 month' AS m FROM input", "sql.type", "`m`"),
        ("SELECT NULL AS n FROM input", "sql.type", "`n`"),
        (
            "SELECT CAST(carrier AS BIGINT) AS n FROM input",
            "sql.value",
            "c0",
        ),
        ("SELECT 1 / (id - id) AS n FROM input", "sql.value", "zero"),
    ] {
        let error = transformed(sql, &[], 10, LIMITS).await.unwrap_err();
        assert_eq!(error.code, code, "{sql}: {error}");
        assert!(error.message.contains(part), "{sql}: {error}");
        assert!(error.hint.is_some(), "{sql}");
    }
}

#[tokio::test]
async fn lineage_names_the_columns_that_values_come_from() {
    let wanted = Arc::new(AtomicUsize::new(0));
    let tables = [carriers(5, wanted.clone(), false)];
    let lineage = async |sql: &str| {
        let bound = SqlTransform::bind(sql, orders(), &tables, LIMITS).await.unwrap();
        let told = |(name, from): (String, Vec<(String, String)>)| {
            let from: Vec<String> = from
                .into_iter()
                .map(|(table, column)| format!("{table}.{column}"))
                .collect();
            format!("{name}: {}", from.join(" "))
        };
        bound.lineage().into_iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(
        lineage("SELECT i.id + 1 AS next, upper(c.name) AS name, 5 AS five FROM input i JOIN \"carriers\" c ON c.code = i.carrier").await,
        ["next: input.id", "name: carriers.name", "five: "]
    );
    assert_eq!(
        lineage("WITH s AS (SELECT carrier, sum(id) AS total FROM input GROUP BY carrier) SELECT carrier AS c, total, rank() OVER (ORDER BY total) AS place FROM s").await,
        ["c: input.carrier", "total: input.id", "place: input.id"]
    );
    assert_eq!(
        lineage("SELECT id AS x, carrier AS y FROM input WHERE carrier IN (SELECT code FROM \"carriers\")")
            .await,
        ["x: input.id", "y: input.carrier"]
    );
    assert_eq!(
        lineage("SELECT code AS v FROM \"carriers\" UNION ALL SELECT carrier FROM input").await,
        ["v: carriers.code input.carrier"]
    );
    // Nothing was opened for it.
    assert_eq!(wanted.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_query_stands_by_itself() {
    let wanted = Arc::new(AtomicUsize::new(0));
    let sql = "WITH big AS (SELECT * FROM carriers WHERE founded > 2) SELECT count(*) AS n, max(name) AS last FROM big";
    assert_eq!(tables_of(sql).unwrap(), ["carriers"]);
    let (schema, answer) = query(sql, &[carriers(5, wanted, false)], LIMITS).await.unwrap();
    let batches: Vec<RecordBatch> = answer.try_collect().await.unwrap();
    assert_eq!(schema.field(1).name(), "last");
    assert_eq!(numbers(&batches, 0), [2]);
    assert_eq!(batches[0].column(1).as_string::<i32>().value(0), "Carrier 4");
    assert_eq!(tables_of("SELECT 1").unwrap(), Vec::<String>::new());
    assert!(tables_of("SELEC 1").is_err());
}
