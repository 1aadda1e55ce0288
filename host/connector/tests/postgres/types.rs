//! Types there and back: what Postgres says of a value is what the batch held.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use tidegate_core::schema::{Asset, Column};

use crate::support::{Attempt, Warehouse, asset};

/// Each type with values as JSON has them, and what the server shows of them.
const TYPES: &[(&str, &str, &[&str], &[&str])] = &[
    ("boolean", "boolean", &["true", "false"], &["true", "false"]),
    ("int8", "smallint", &["-128", "127"], &["-128", "127"]),
    ("uint16", "integer", &["0", "65535"], &["0", "65535"]),
    (
        "int64",
        "bigint",
        &["-9223372036854775808"],
        &["-9223372036854775808"],
    ),
    (
        "uint64",
        "numeric(20,0)",
        &["18446744073709551615", "0"],
        &["18446744073709551615", "0"],
    ),
    ("float32", "real", &["1.5", "-0.25"], &["1.5", "-0.25"]),
    (
        "float64",
        "double precision",
        &["1e300", "0.1"],
        &["1e+300", "0.1"],
    ),
    (
        "decimal(12,2)",
        "numeric(12,2)",
        &["\"1.50\"", "\"-9999999999.99\"", "\"0.00\""],
        &["1.50", "-9999999999.99", "0.00"],
    ),
    (
        "decimal(38,10)",
        "numeric(38,10)",
        &["\"1234567890123456789012345678.0123456789\""],
        &["1234567890123456789012345678.0123456789"],
    ),
    (
        "decimal(76,3)",
        "numeric(76,3)",
        &["\"-1234567890123456789012345678901234567890123456789012345678901234567890.125\""],
        &["-1234567890123456789012345678901234567890123456789012345678901234567890.125"],
    ),
    (
        "utf8",
        "text",
        &["\"täglich\\n\"", "\"\"", "\"it's\""],
        &["täglich\n", "", "it's"],
    ),
    ("binary", "bytea", &["\"00ff\"", "\"\""], &["\\x00ff", "\\x"]),
    ("fixed_binary(2)", "bytea", &["\"00ff\""], &["\\x00ff"]),
    (
        "date32",
        "date",
        &["\"1969-12-31\"", "\"2024-02-29\""],
        &["1969-12-31", "2024-02-29"],
    ),
    (
        "time64(us)",
        "time without time zone",
        &["\"23:59:59.999999\""],
        &["23:59:59.999999"],
    ),
    (
        "timestamp(s)",
        "timestamp without time zone",
        &["\"1969-12-31T23:59:59\""],
        &["1969-12-31 23:59:59"],
    ),
    (
        "timestamp(us, Europe/London)",
        "timestamp with time zone",
        &["\"2024-06-01T00:00:00.000001+01:00\""],
        &["2024-05-31 23:00:00.000001+00"],
    ),
    (
        "duration(ms)",
        "interval",
        &["90061001", "-1"],
        &["1 day 01:01:01.001", "-00:00:00.001"],
    ),
    (
        "list(utf8)",
        "text[]",
        &["[\"a\", null, \"b c\"]", "[]"],
        &["{a,NULL,\"b c\"}", "{}"],
    ),
    (
        "list(decimal(5,1))",
        "numeric(5,1)[]",
        &["[1.5, -2]"],
        &["{1.5,-2.0}"],
    ),
    (
        "struct(a: int8, b: list(utf8))",
        "jsonb",
        &["{\"a\": 1, \"b\": [\"x\"]}"],
        &["{\"a\": 1, \"b\": [\"x\"]}"],
    ),
    ("map(utf8, int64)", "jsonb", &["{\"k\": 5}"], &["{\"k\": 5}"]),
    ("list(list(int8))", "jsonb", &["[[1], []]"], &["[[1], []]"]),
];

/// Values as JSON, as a batch of an asset's columns.
fn batch(asset: &Asset, values: &[String]) -> RecordBatch {
    let schema: Arc<Schema> = Column::schema(&asset.columns);
    let mut decoder = arrow_json::ReaderBuilder::new(schema).build_decoder().unwrap();
    decoder.decode(values.join("\n").as_bytes()).unwrap();
    decoder.flush().unwrap().unwrap()
}

fn one_column(data_type: &str, rest: &str) -> Asset {
    asset(&format!(
        "name: one
source: {{resource: nowhere}}
columns:
  - {{name: row, type: int32, key: true}}
  - {{name: value, type: \"{data_type}\"}}
destination: {{resource: w, load: replace{rest}}}"
    ))
}

#[tokio::test]
async fn every_type_goes_there_and_back() {
    let warehouse = Warehouse::new().await;
    for (epoch, (data_type, theirs, values, shown)) in TYPES.iter().enumerate() {
        let asset = one_column(data_type, ", table: t").clone();
        let mut asset = asset;
        asset.name = format!("t{epoch}").parse().unwrap();
        asset
            .destination
            .config
            .insert("table".into(), format!("t{epoch}").into());
        let rows: Vec<String> = values
            .iter()
            .chain([&"null"])
            .enumerate()
            .map(|(row, value)| format!("{{\"row\": {row}, \"value\": {value}}}"))
            .collect();
        let sent = batch(&asset, &rows);
        let token = format!("{epoch}");
        let attempt = Attempt::new(&warehouse, &asset, 1, &token);
        let loaded = attempt.load(std::slice::from_ref(&sent)).await;
        loaded.unwrap_or_else(|error| panic!("{data_type}: {error}"));
        let kind = warehouse
            .rows(&format!(
                "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't{epoch}'::regclass AND attname = 'value'"
            ))
            .await;
        assert_eq!(kind, [*theirs], "{data_type}");
        let mut expected: Vec<String> = shown.iter().map(|text| (*text).to_owned()).collect();
        expected.push("-".into());
        let query = format!("SET timezone = 'UTC'; SELECT value::text FROM t{epoch} ORDER BY row");
        assert_eq!(warehouse.rows(&query).await, expected, "{data_type}");
        let mut json = arrow_json::LineDelimitedWriter::new(Vec::new());
        json.write(&sent).unwrap();
        json.finish().unwrap();
        let mut lines: Vec<String> = String::from_utf8(json.into_inner())
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        assert_eq!(warehouse.read(&asset, None).await.unwrap(), lines, "{data_type}");
        // Nothing of it differs from what the schema asks for.
        assert_eq!(warehouse.changes(&asset).await.unwrap(), [], "{data_type}");
    }
}

#[tokio::test]
async fn told_types_are_the_tables_and_hold_the_values() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
        .await;
    let asset = asset(
        "name: told
source: {resource: nowhere}
columns:
  - {name: id, type: int64, key: true}
  - {name: ref, type: utf8}
  - {name: body, type: utf8}
  - {name: host, type: utf8}
  - {name: code, type: utf8}
  - {name: mood, type: utf8}
  - {name: amount, type: \"decimal(9,2)\"}
destination:
  resource: w
  columns:
    id: {type: integer}
    ref: {type: uuid}
    body: {type: jsonb}
    host: {type: inet}
    code: {type: varchar(3)}
    mood: {type: mood}
    amount: {type: numeric}",
    );
    let rows = [
        r#"{"id": 1, "ref": "61f0c404-5cb3-11e7-907b-a6006ad3dba0", "body": "{\"a\": [1]}", "host": "10.0.0.1", "code": "abc", "mood": "bad", "amount": 1.5}"#,
        r#"{"id": 2, "host": "::1"}"#,
    ]
    .map(str::to_owned);
    let attempt = Attempt::new(&warehouse, &asset, 1, "one");
    attempt.load(&[batch(&asset, &rows)]).await.unwrap();
    assert_eq!(
        warehouse
            .rows("SELECT row(t.*)::text FROM told t ORDER BY id")
            .await,
        [
            "(1,61f0c404-5cb3-11e7-907b-a6006ad3dba0,\"{\"\"a\"\": [1]}\",10.0.0.1,abc,bad,1.50)",
            "(2,,,::1,,,)"
        ]
    );
    assert_eq!(warehouse.changes(&asset).await.unwrap(), []);
    // A word that the enum does not have fails the load, and says so.
    let bad = [r#"{"id": 3, "mood": "sour"}"#.to_owned()];
    let attempt = Attempt::new(&warehouse, &asset, 2, "two");
    let error = attempt.load(&[batch(&asset, &bad)]).await.unwrap_err();
    assert_eq!(error.code, "postgres.value");
    assert!(error.message.contains("sour"), "{error}");
}

#[tokio::test]
async fn a_type_that_does_not_fit_is_refused_before_anything_runs() {
    let warehouse = Warehouse::new().await;
    for (data_type, rest, code) in [
        ("timestamp(ns)", "", "schema.type_unsupported"),
        (
            "int64",
            ", columns: {value: {type: real}}",
            "schema.type_unsupported",
        ),
        (
            "int64",
            ", columns: {other: {type: real}}",
            "schema.invalid_value",
        ),
        ("int64", ", load: upsert, tabel: x", "schema.unknown_key"),
    ] {
        let rest = rest.replace(", load: upsert", "");
        let errors = warehouse
            .try_destination(&one_column(data_type, &rest))
            .unwrap_err();
        assert_eq!(errors[0].code, code, "{data_type} {rest}");
    }
}
