//! Sources: tables, queries and assets, in the schema's types or not at all.

use serde_json::json;
use tidegate_core::port::Watermark;
use tidegate_core::schema::{CursorDecl, Millis};

use crate::support::{Warehouse, month, month_of};

const SHOP: &str = "CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TABLE shop (
    id integer PRIMARY KEY, small smallint, big bigint, price numeric, exact numeric(9,2), ratio real, score double precision,
    name varchar(20), code char(4), ref uuid, body jsonb, raw json, bytes bytea, day date, clock time, at timestamptz,
    wall timestamp, took interval, host inet, mood mood, tags text[], numbers integer[], size positive, ok boolean
);
INSERT INTO shop VALUES (
    1, -5, 9007199254740993, 12.340, 12.3, 1.5, 0.1, 'Zoë', 'ab', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', '{\"a\": 1, \"b\": [true]}',
    '{\"a\":  2}', '\\x00ff', '2024-02-29', '12:34:56.789', '2024-06-01 00:00:00.5+02', '2024-06-01 00:00:00', '1 day 02:00:00',
    '10.0.0.0/8', 'bad', '{a,NULL,\"b c\"}', '{1,2}', 7, true
), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);";

#[tokio::test]
async fn a_table_is_read_in_the_schemas_types() {
    let warehouse = Warehouse::new().await;
    warehouse.execute(SHOP).await;
    let read = warehouse
        .read_from(
            "{table: shop}",
            "[{name: id, type: int64}, {name: small, type: int16}, {name: big, type: int64}, {name: price, type: \"decimal(20,4)\"}, \
              {name: exact, type: \"decimal(9,2)\"}, {name: ratio, type: float64}, {name: score, type: float64}, {name: name, type: utf8}, \
              {name: code, type: utf8}, {name: ref, type: utf8}, {name: body, type: \"struct(a: int8, b: list(boolean))\"}, \
              {name: raw, type: utf8}, {name: bytes, type: binary}, {name: day, type: date32}, {name: clock, type: time64(us)}, \
              {name: at, type: \"timestamp(ms, UTC)\"}, {name: wall, type: timestamp(us)}, {name: took, type: duration(s)}, \
              {name: host, type: utf8}, {name: mood, type: utf8}, {name: tags, type: list(utf8)}, {name: numbers, type: list(int64)}, \
              {name: size, type: uint8}, {name: ok, type: boolean}]",
        )
        .await
        .unwrap();
    let mut first: serde_json::Value = serde_json::from_str(&read.lines[0]).unwrap();
    assert_eq!(first["took"].take(), json!("PT93600S"));
    assert_eq!(
        first,
        json!({
            "id": 1, "small": -5, "big": 9_007_199_254_740_993_i64, "price": 12.34, "exact": 12.3, "ratio": 1.5, "score": 0.1,
            "name": "Zoë", "code": "ab", "ref": "61f0c404-5cb3-11e7-907b-a6006ad3dba0", "body": {"a": 1, "b": [true]},
            "raw": "{\"a\":  2}", "bytes": "00ff", "day": "2024-02-29", "clock": "12:34:56.789",
            "at": "2024-05-31T22:00:00.500Z", "wall": "2024-06-01T00:00:00", "took": null, "host": "10.0.0.0/8", "mood": "bad",
            "tags": ["a", null, "b c"], "numbers": [1, 2], "size": 7, "ok": true
        })
    );
    assert_eq!(read.lines[1], "{\"id\":2}");
}

#[tokio::test]
async fn a_query_is_read_and_only_the_columns_that_are_wanted() {
    let warehouse = Warehouse::new().await;
    warehouse.execute(SHOP).await;
    let read = warehouse
        .read_from(
            "{query: \"SELECT id, id * 2 AS twice, ref FROM shop -- all of it\"}",
            "[{name: twice, type: int64}, {name: ref, type: fixed_binary(16)}]",
        )
        .await
        .unwrap();
    assert_eq!(
        read.lines,
        [
            "{\"twice\":2,\"ref\":\"61f0c4045cb311e7907ba6006ad3dba0\"}",
            "{\"twice\":4}"
        ]
    );
    // A query reads, whatever it says.
    let writes = warehouse.read_from(
        "{query: \"DELETE FROM shop RETURNING id\"}",
        "[{name: id, type: int64}]",
    );
    assert_eq!(writes.await.unwrap_err().code, "postgres.refused");
    let two = warehouse.read_from(
        "{query: \"SELECT id FROM shop) AS s; DROP TABLE shop; SELECT id FROM (SELECT 1 AS id\"}",
        "[{name: id, type: int64}]",
    );
    assert_eq!(two.await.unwrap_err().code, "postgres.refused");
    assert_eq!(warehouse.rows("SELECT count(*)::text FROM shop").await, ["2"]);
}

#[tokio::test]
async fn values_that_cannot_be_held_are_bad_rows() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute(
            "CREATE TABLE odd (id integer, price numeric, at timestamptz, day date, took interval, tags integer[]);
             INSERT INTO odd VALUES (1, 1.5, '2024-01-01Z', '2024-01-01', '1 hour', '{1}'),
             (2, 'NaN', '2024-01-01Z', '2024-01-01', '1 hour', '{1}'),
             (3, 'Infinity', '2024-01-01Z', '2024-01-01', '1 hour', '{1}'),
             (4, 1.005, '2024-01-01Z', '2024-01-01', '1 hour', '{1}'),
             (5, 1, 'infinity', '2024-01-01', '1 hour', '{1}'),
             (6, 1, '2024-01-01 00:00:00.000001Z', '2024-01-01', '1 hour', '{1}'),
             (7, 1, '2024-01-01Z', '-infinity', '1 hour', '{1}'),
             (8, 1, '2024-01-01Z', '2024-01-01', '1 month', '{1}'),
             (9, 1, '2024-01-01Z', '2024-01-01', '1 hour', '{{1},{2}}'),
             (10, 123456789.5, '2024-01-01Z', '2024-01-01', '1 hour', '{1}'),
             (11, 1, '294276-12-31 23:59:59Z', '5874897-12-31', '1 hour', '{1}');",
        )
        .await;
    let columns = "[{name: id, type: int64}, {name: price, type: \"decimal(9,2)\"}, {name: at, type: \"timestamp(ms, UTC)\"}, \
                    {name: day, type: date32}, {name: took, type: duration(us)}, {name: tags, type: list(int8)}]";
    let error = warehouse.read_from("{table: odd}", columns).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("postgres.bad_row", "row 2: `price` is NaN")
    );
    let source = warehouse.source("{table: odd, on_bad_row: quarantine}", columns);
    let mut source = warehouse.open_source(&source, None, None).await.unwrap();
    let mut refused = Vec::new();
    let mut kept = 0;
    while let Some(batch) = source.next().await.unwrap() {
        kept += batch.batch.num_rows();
        if let Some(rejects) = batch.rejects {
            refused.extend(rejects.messages.iter().flatten().map(str::to_owned));
        }
    }
    assert_eq!(
        refused,
        [
            "`price` is NaN",
            "`price` is infinite",
            "`price` has more decimal places than 2",
            "`at` is infinite",
            "`at` has microseconds or a year that a unit of 1 ms cannot hold",
            "`day` is infinite",
            "`took` has 1 months, which are of no one length",
            "`tags` is an array of 2 dimensions, not a list",
            "`price` has more digits than decimal(9,2) holds",
        ]
    );
    assert_eq!(kept, 2);
}

#[tokio::test]
async fn a_value_that_is_too_large_never_crosses() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute(
            "CREATE TABLE large (id integer, body text, doc jsonb);
             INSERT INTO large VALUES (1, 'short', '{}'), (2, repeat('x', 5000000), '{}'),
             (3, repeat('y', 1000000), to_jsonb(repeat('z', 100)));",
        )
        .await;
    let columns = "[{name: id, type: int64}, {name: body, type: utf8}, {name: doc, type: utf8}]";
    let read = warehouse
        .read_from(
            "{table: large, max_value_bytes: 2MiB, on_bad_row: quarantine}",
            columns,
        )
        .await
        .unwrap();
    assert_eq!(read.refused, ["`body` has 5000000 bytes"]);
    assert_eq!(read.lines.len(), 2);
    let error = warehouse
        .read_from("{query: SELECT * FROM large, max_value_bytes: 10KiB}", columns)
        .await
        .unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("postgres.bad_row", "row 2: `body` has 5000000 bytes")
    );
}

#[tokio::test]
async fn a_slice_is_asked_for_and_rows_without_a_time_are_not_lost() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute(
            "CREATE TABLE events (id integer, at timestamptz);
             INSERT INTO events SELECT n, timestamptz '2013-01-01Z' + n * interval '1 day' FROM generate_series(0, 99) n;
             INSERT INTO events VALUES (1000, NULL);",
        )
        .await;
    let spec = warehouse.source(
        "{table: events}",
        "[{name: id, type: int64}, {name: at, type: \"timestamp(us, UTC)\"}]",
    );
    let february = warehouse
        .read_source(&spec, Some(&month("2013-02")), None)
        .await
        .unwrap();
    assert_eq!(february.lines.len(), 28 + 1);
    assert!(february.lines.contains(&"{\"id\":1000}".to_owned()));
}

#[tokio::test]
async fn a_value_is_asked_for_in_the_type_of_its_column() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute(
            "CREATE TABLE events (id integer, at timestamptz, region char(4), shop bigint);
             INSERT INTO events SELECT n, timestamptz '2013-01-01Z' + n * interval '1 day',
                 CASE WHEN n % 2 = 0 THEN 'e''u' ELSE 'us' END, n % 3 FROM generate_series(0, 99) n;
             INSERT INTO events VALUES (1000, NULL, 'e''u', 1), (1001, timestamptz '2013-02-01Z', NULL, NULL),
                 (1002, timestamptz '2013-03-01Z', 'us', 2);",
        )
        .await;
    let spec = warehouse.source(
        "{table: events}",
        "[{name: id, type: int64}, {name: at, type: \"timestamp(us, UTC)\"}, {name: region, type: utf8}, \
          {name: shop, type: int64}]",
    );
    let read = async |slice| {
        warehouse
            .read_source(&spec, Some(&slice), None)
            .await
            .unwrap()
            .lines
    };
    // 14 days, and the two rows of which not all is known.
    let of_text = read(month_of("region", "e'u", "2013-02")).await;
    assert_eq!(of_text.len(), 14 + 2);
    let of_number = read(month_of("shop", "1", "2013-02")).await;
    assert_eq!(of_number.len(), 10 + 2);
}

#[tokio::test]
async fn only_what_is_new_is_read() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute(
            "CREATE TABLE events (id integer, at timestamptz NOT NULL);
             INSERT INTO events SELECT n, timestamptz '2024-01-01Z' + n * interval '1 minute' FROM generate_series(0, 99) n;",
        )
        .await;
    let spec = |lag_ms| {
        warehouse.source_since(
            "{table: events}",
            "[{name: id, type: int64}, {name: at, type: \"timestamp(us, UTC)\", nullable: false}]",
            CursorDecl {
                column: "at".into(),
                lag: Millis(lag_ms),
            },
        )
    };
    let all = warehouse.read_source(&spec(0), None, None).await.unwrap();
    assert_eq!(all.lines.len(), 100);
    let mark = all.watermark.unwrap();
    assert_eq!(mark.0, json!({"column": "at", "value": "2024-01-01 01:39:00+00"}));
    // The row at the mark is read again.
    let again = warehouse.read_source(&spec(0), None, Some(&mark)).await.unwrap();
    assert_eq!(again.lines.len(), 1);
    let late = warehouse
        .read_source(&spec(600_000), None, Some(&mark))
        .await
        .unwrap();
    assert_eq!((late.lines.len(), late.watermark), (11, Some(mark.clone())));
    // With nothing there, the mark stays where it was.
    warehouse.execute("TRUNCATE events").await;
    let none = warehouse.read_source(&spec(0), None, Some(&mark)).await.unwrap();
    assert_eq!((none.lines.len(), none.watermark), (0, Some(mark.clone())));
    // What would hide all that comes later is refused.
    warehouse
        .execute("INSERT INTO events VALUES (1, 'infinity')")
        .await;
    let endless = warehouse
        .read_source(&spec(0), None, Some(&mark))
        .await
        .unwrap_err();
    assert_eq!(endless.code, "postgres.bad_column");
    let other = Watermark(json!({"column": "id", "value": "7"}));
    warehouse.execute("UPDATE events SET at = now()").await;
    assert_eq!(
        warehouse
            .read_source(&spec(0), None, Some(&other))
            .await
            .unwrap()
            .lines
            .len(),
        1
    );
}

#[tokio::test]
async fn several_connections_read_each_row_once_out_of_one_snapshot() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute(
            "CREATE TABLE wide (id integer, pad text);
             INSERT INTO wide SELECT n, repeat('x', 100) FROM generate_series(1, 50000) n;
             DELETE FROM wide WHERE id BETWEEN 20001 AND 30000;",
        )
        .await;
    let spec = warehouse.source("{table: wide, parallel: 3}", "[{name: id, type: int64}]");
    let mut source = warehouse.open_source(&spec, None, None).await.unwrap();
    let first = source.next().await.unwrap().unwrap();
    // Whatever others do now is not in the snapshot.
    warehouse
        .execute("INSERT INTO wide SELECT n, '' FROM generate_series(60001, 61000) n; DELETE FROM wide WHERE id < 1000")
        .await;
    let mut ids: Vec<i64> = Vec::new();
    let mut next = Some(first);
    while let Some(batch) = next {
        use arrow_array::cast::AsArray;
        ids.extend(
            batch
                .batch
                .column(0)
                .as_primitive::<arrow_array::types::Int64Type>()
                .values(),
        );
        next = source.next().await.unwrap();
    }
    ids.sort_unstable();
    let expected: Vec<i64> = (1..=20_000).chain(30_001..=50_000).collect();
    assert!(ids == expected, "{} rows", ids.len());
    // An empty table has no pages to share out, and a view none at all.
    warehouse
        .execute("TRUNCATE wide; CREATE VIEW seen AS SELECT * FROM wide")
        .await;
    for table in ["wide", "seen"] {
        let config = format!("{{table: {table}, parallel: 3}}");
        let read = warehouse.read_from(&config, "[{name: id, type: int64}]").await;
        assert_eq!(read.unwrap().lines.len(), 0);
    }
}

#[tokio::test]
async fn a_table_cannot_change_its_shape_while_it_is_read() {
    use sqlx::Connection;

    let warehouse = Warehouse::new().await;
    warehouse
        .execute(
            "CREATE TABLE many AS SELECT n AS id, repeat('x', 200) AS pad FROM generate_series(1, 100000) n",
        )
        .await;
    let spec = warehouse.source(
        "{table: many}",
        "[{name: id, type: int64}, {name: pad, type: utf8}]",
    );
    let mut source = warehouse.open_source(&spec, None, None).await.unwrap();
    let mut rows = source.next().await.unwrap().unwrap().batch.num_rows();
    let mut other = warehouse.connection().await;
    let altered = sqlx::raw_sql("SET lock_timeout = '200ms'; ALTER TABLE many ALTER COLUMN id TYPE text")
        .execute(&mut other)
        .await;
    let refused = altered.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "55P03");
    other.close().await.unwrap();
    while let Some(batch) = source.next().await.unwrap() {
        rows += batch.batch.num_rows();
    }
    assert_eq!(rows, 100_000);
    // Between runs it can, and the next one says so.
    warehouse
        .execute("ALTER TABLE many ALTER COLUMN id TYPE text")
        .await;
    let error = warehouse.open_source(&spec, None, None).await.err().unwrap();
    assert_eq!(error.code, "postgres.bad_column");
}
