//! The types of the schema against a real engine: each column is what the table says, and each value comes back.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use clickhouse::{Client, Compression};
use serde_json::{Value, json};
use tidegate_connector::clickhouse::{Calendar, column_type, wire_range, wire_type};
use tidegate_core::schema::Column;
use tidegate_core::types::LogicalType;

use crate::support::engine;

/// Each type with values as JSON, the least and the greatest among them.
fn cases() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("boolean", vec![json!(true), json!(false)]),
        ("int8", vec![json!(-128), json!(127)]),
        ("int16", vec![json!(-32_768), json!(32_767)]),
        ("int32", vec![json!(i32::MIN), json!(i32::MAX)]),
        ("int64", vec![json!(i64::MIN), json!(i64::MAX)]),
        ("uint8", vec![json!(0), json!(255)]),
        ("uint16", vec![json!(0), json!(65_535)]),
        ("uint32", vec![json!(0), json!(u32::MAX)]),
        ("uint64", vec![json!(0), json!(u64::MAX)]),
        ("float32", vec![json!(-0.5), json!(1.5e38)]),
        ("float64", vec![json!(f64::MIN), json!(0.1)]),
        ("decimal(9,2)", vec![json!("-9999999.99"), json!("0.01")]),
        ("decimal(18,0)", vec![json!("999999999999999999")]),
        (
            "decimal(38,10)",
            vec![json!("-1234567890123456789012345678.0123456789")],
        ),
        (
            "decimal(76,20)",
            vec![json!(
                "12345678901234567890123456789012345678901234567890123456.01234567890123456789"
            )],
        ),
        ("utf8", vec![json!(""), json!("Zürich \u{1f30a}\0\\'")]),
        ("binary", vec![json!("00ff80"), json!("")]),
        ("fixed_binary(4)", vec![json!("00ff8001")]),
        ("date32", vec![json!("1900-01-01"), json!("2299-12-31")]),
        ("time64(us)", vec![json!("23:59:59.999999")]),
        ("time64(ns)", vec![json!("00:00:00.000000001")]),
        (
            "timestamp(s)",
            vec![json!("1900-01-01T00:00:00"), json!("2299-12-31T23:59:59")],
        ),
        (
            "timestamp(ms, UTC)",
            vec![json!("1900-01-01T00:00:00Z"), json!("2299-12-31T23:59:59.999Z")],
        ),
        (
            "timestamp(us, Europe/London)",
            vec![json!("2024-03-31T01:30:00Z")],
        ),
        (
            "timestamp(ns, UTC)",
            vec![json!("2262-04-11T23:47:16.854775807Z")],
        ),
        ("duration(ms)", vec![json!(-1), json!(86_400_000)]),
        ("list(int64)", vec![json!([1, null, 3]), json!([])]),
        ("list(list(utf8))", vec![json!([["a"], []])]),
        (
            "struct(a: utf8, b: decimal(9,2))",
            vec![json!({"a": "x", "b": null})],
        ),
        ("map(utf8, int64)", vec![json!({"a": 1, "b": null}), json!({})]),
        (
            "list(struct(at: date32, tags: list(utf8)))",
            vec![json!([{"at": "2024-02-29", "tags": [null]}])],
        ),
    ]
}

#[tokio::test]
async fn every_type_is_held_and_comes_back() {
    let client = client();
    for (number, (text, mut values)) in cases().into_iter().enumerate() {
        let data_type: LogicalType = text.parse().unwrap();
        let mut column = Column::new("value", data_type);
        column.nullable = !["list", "struct", "map"]
            .iter()
            .any(|nested| text.starts_with(nested));
        if column.nullable {
            values.push(Value::Null);
        }
        let sent = decode(&column, &values);
        let (declared, came) = through(&client, &format!("types_{number}"), &column, &sent).await;
        assert_eq!(declared, column_type(&column).unwrap().replace('`', ""), "{text}");
        assert_eq!(&came, &sent, "{text}");
    }
}

/// Why such values are refused before they are sent: the engine refuses all that comes with them, or shows others.
#[tokio::test]
async fn within_its_calendar_the_engine_knows_each_value_and_beyond_it_another() {
    let client = client();
    let calendar = Calendar::of_answer(&text(&client, Calendar::QUESTION).await);
    for (number, data_type) in ["date32", "timestamp(s)", "timestamp(ms, UTC)"]
        .iter()
        .enumerate()
    {
        let column = Column::new("value", data_type.parse().unwrap());
        let range = wire_range(&column.data_type, calendar).unwrap();
        for (beyond, name) in [(0, "within"), (1, "beyond")] {
            let ends = [range.start() - beyond, range.end() + beyond];
            let table = format!("{name}_{number}");
            let numbers = Int64Array::from(ends.to_vec());
            let narrow = cast(&numbers, &DataType::Int32);
            // A date is a number of 32 bits.
            let numbers = match column.data_type {
                LogicalType::Date32 => narrow.unwrap(),
                _ => Arc::new(numbers),
            };
            let sent = cast(&numbers, &column.data_type.arrow()).unwrap();
            if let Err(error) = load(&client, &table, &column, &sent).await {
                assert_eq!(beyond, 1, "{data_type}: {error}");
                continue;
            }
            let shown = text(
                &client,
                &format!("SELECT toString(value) FROM {table} ORDER BY row"),
            )
            .await;
            let shown = StringArray::from(shown.replace(' ', "T").lines().collect::<Vec<_>>());
            let shown = cast(&shown, &column.data_type.arrow()).unwrap();
            for row in 0..2 {
                let same = shown.slice(row, 1) == sent.slice(row, 1);
                assert_eq!(
                    same,
                    beyond == 0,
                    "{data_type} {name}: {sent:?} is shown as {shown:?}"
                );
            }
        }
    }
}

async fn text(client: &Client, query: &str) -> String {
    let mut answer = client.query(query).fetch_bytes("TSVRaw").unwrap();
    String::from_utf8(answer.collect().await.unwrap().to_vec()).unwrap()
}

fn client() -> Client {
    let (url, user, password) = engine();
    Client::default()
        .with_url(url)
        .with_user(user)
        .with_password(password)
        .with_compression(Compression::None)
        .with_setting("output_format_arrow_compression_method", "none")
}

/// Puts values into a table of their own.
async fn load(
    client: &Client,
    table: &str,
    column: &Column,
    sent: &ArrayRef,
) -> clickhouse::error::Result<()> {
    let declared = column_type(column).unwrap();
    for statement in [
        format!("DROP TABLE IF EXISTS {table}"),
        format!("CREATE TABLE {table} (row Int64, value {declared}) ENGINE = MergeTree ORDER BY row"),
    ] {
        client.query(&statement).execute().await.unwrap();
    }
    let wire = wire_type(&column.data_type);
    let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(0..sent.len() as i64));
    let schema = Schema::new(vec![
        Field::new("row", rows.data_type().clone(), false),
        Field::new("value", wire.clone(), column.nullable),
    ]);
    let crossing = cast(sent, &wire).unwrap();
    let batch = RecordBatch::try_new(Arc::new(schema), vec![rows, crossing]).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let stream = writer.into_inner().unwrap();
    let mut insert = client.insert_formatted_with(format!("INSERT INTO {table} FORMAT ArrowStream"));
    insert.send(stream.into()).await?;
    insert.end().await
}

/// Puts values into a table of their own and reads them. Answers the column's type as the table has it, and the values.
async fn through(client: &Client, table: &str, column: &Column, sent: &ArrayRef) -> (String, ArrayRef) {
    let loaded = load(client, table, column, sent).await;
    loaded.unwrap_or_else(|error| panic!("{}: {error}", column.data_type));
    let wire = wire_type(&column.data_type);
    // Bytes are read as such: ClickHouse has one type for text and bytes, and gives either.
    let bytes = matches!(column.data_type, LogicalType::Binary);
    let mut answer = client
        .query(&format!("SELECT value FROM {table} ORDER BY row"))
        .with_setting(
            "output_format_arrow_string_as_string",
            if bytes { "0" } else { "1" },
        )
        .fetch_bytes("ArrowStream")
        .unwrap();
    let bytes = answer.collect().await.unwrap();
    let mut batches = StreamReader::try_new(bytes.as_ref(), None).unwrap();
    let came = batches.next().unwrap().unwrap().column(0).clone();
    let came = cast(&cast(&came, &wire).unwrap(), &column.data_type.arrow()).unwrap();
    let columns = format!(
        "SELECT type FROM system.columns WHERE database = currentDatabase() AND table = '{table}' AND name = 'value'"
    );
    (text(client, &columns).await.trim_end().to_owned(), came)
}

/// Values as JSON in the column's Arrow type.
fn decode(column: &Column, values: &[Value]) -> ArrayRef {
    let schema = Arc::new(Schema::new(vec![column.field()]));
    let mut decoder = arrow_json::ReaderBuilder::new(schema).build_decoder().unwrap();
    let rows: Vec<Value> = values.iter().map(|value| json!({"value": value})).collect();
    decoder.serialize(&rows).unwrap();
    decoder.flush().unwrap().unwrap().column(0).clone()
}
