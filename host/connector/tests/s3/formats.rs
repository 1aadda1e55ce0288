//! Every format in and out: what is written comes back, value by value.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, DurationMillisecondArray, Float64Array, Int64Array, RecordBatch,
    StringArray, StructArray, TimestampMillisecondArray,
};
use tidegate_core::schema::{Column, Load};

use crate::support::{Attempt, Lake, batch_lines, columns, commit, gzip, rows, yaml};

const SCALARS: &str = "a: int64!; b: utf8; c: float64; d: timestamp(ms, America/New_York); e: boolean; f: duration(ms); \
                       g: decimal(12,2)";

/// Rows of every plain type, with missing values, empty texts, and texts that need quotes.
fn scalars(count: i64) -> RecordBatch {
    let some = |n: i64| (n % 3 != 0).then_some(n);
    let text = |n: i64| match n % 6 {
        0 => None,
        1 => Some(String::new()),
        2 => Some(format!("é,\"{n}\"\r\nnew \\n line")),
        3 => Some("null".into()),
        _ => Some(format!(" {n} ")),
    };
    let float = |n: i64| match n % 1_000 {
        997 => Some(f64::NAN),
        998 => Some(f64::NEG_INFINITY),
        _ => some(n).map(|n| n as f64 / 7.0),
    };
    let decimals = Decimal128Array::from_iter((0..count).map(|n| some(n).map(|n| i128::from(n) * 7 - 1_000)));
    let columns_of: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values((0..count).map(|n| i64::MAX - n))),
        Arc::new(StringArray::from_iter((0..count).map(text))),
        Arc::new(Float64Array::from_iter((0..count).map(float))),
        Arc::new(
            TimestampMillisecondArray::from_iter((0..count).map(|n| some(n * 1_000_003)))
                .with_timezone("America/New_York"),
        ),
        Arc::new(BooleanArray::from_iter(
            (0..count).map(|n| some(n).map(|n| n % 2 == 0)),
        )),
        Arc::new(DurationMillisecondArray::from_iter((0..count).map(some))),
        Arc::new(decimals.with_precision_and_scale(12, 2).unwrap()),
    ];
    RecordBatch::try_new(Column::schema(&columns(SCALARS)), columns_of).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_plain_type_comes_back_from_every_format() {
    let lake = Lake::new();
    let batch = scalars(3_000);
    for (number, config) in [
        "{}",
        "{compression: zstd, row_group_rows: 1024}",
        "{format: csv}",
        "{format: csv, compression: gzip, null_text: \"NULL\"}",
        "{format: csv, compression: zstd}",
        "{format: jsonl}",
        "{format: jsonl, compression: gzip}",
        "{format: jsonl, compression: zstd}",
    ]
    .into_iter()
    .enumerate()
    {
        let mut attempt = Attempt::new(&lake, Load::Replace, number as i64 + 1, config);
        attempt.spec = lake.destination(config, Load::Replace);
        let mut destination = attempt.open(batch.schema()).await.unwrap();
        for from in (0..3_000).step_by(700) {
            destination
                .write(batch.slice(from, 700.min(3_000 - from)))
                .await
                .unwrap();
        }
        let receipt = destination.commit(commit()).await.unwrap();
        assert_eq!((receipt.rows, receipt.parts), (3_000, 1), "{config}");
        let found = lake.asset_of(config, "orders", SCALARS, None).await.unwrap();
        assert_eq!(found, batch_lines(&batch), "{config}");
        // The load before, in another format, is swept up.
        let parts = lake
            .objects()
            .await
            .into_iter()
            .filter(|name| name.contains("/part-"))
            .count();
        assert_eq!(parts, 1, "{config}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_structs_come_back_from_parquet_and_json() {
    let lake = Lake::new();
    let text = "a: list(utf8); b: struct(x: int64, y: timestamp(ms, UTC))";
    let schema = Column::schema(&columns(text));
    let mut list = ListBuilder::new(StringBuilder::new());
    let mut x = Int64Builder::new();
    for n in 0..100_i64 {
        if n % 4 == 0 {
            list.append_null();
        } else {
            list.values()
                .append_option((n % 3 == 0).then(|| format!("item{n}")));
            list.append(true);
        }
        x.append_option((n % 5 != 0).then_some(n));
    }
    let arrow_schema::DataType::Struct(fields) = schema.field(1).data_type().clone() else {
        panic!()
    };
    let y = TimestampMillisecondArray::from_iter_values((0..100).map(|n| n * 1_001)).with_timezone("UTC");
    let members: Vec<ArrayRef> = vec![Arc::new(x.finish()), Arc::new(y)];
    let columns_of: Vec<ArrayRef> = vec![
        Arc::new(list.finish()),
        Arc::new(StructArray::new(fields, members, None)),
    ];
    let batch = RecordBatch::try_new(schema.clone(), columns_of).unwrap();
    for (epoch, config) in [(1, "{}"), (2, "{format: jsonl}")] {
        let mut attempt = Attempt::new(&lake, Load::Replace, epoch, config);
        attempt.spec = lake.destination(config, Load::Replace);
        let mut destination = attempt.open(schema.clone()).await.unwrap();
        destination.write(batch.clone()).await.unwrap();
        destination.commit(commit()).await.unwrap();
        let found = lake.asset_of(config, "orders", text, None).await.unwrap();
        assert_eq!(found, batch_lines(&batch), "{config}");
    }
    let mut attempt = Attempt::new(&lake, Load::Replace, 3, "csv");
    attempt.spec = lake.destination("{format: csv}", Load::Replace);
    let refused = attempt.open(schema).await.err().unwrap();
    assert_eq!(refused.code, "schema.type_unsupported");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_stands_for_no_value_is_refused_and_not_lost() {
    let lake = Lake::new();
    let batch = RecordBatch::try_new(
        Column::schema(&columns("t: utf8")),
        vec![Arc::new(StringArray::from(vec![Some("a"), Some("\\N"), None]))],
    )
    .unwrap();
    let mut attempt = Attempt::new(&lake, Load::Replace, 1, "a");
    attempt.spec = lake.destination("{format: csv}", Load::Replace);
    let mut destination = attempt.open(batch.schema()).await.unwrap();
    let written = destination.write(batch).await;
    let error = match written {
        Err(error) => error,
        Ok(()) => destination.commit(commit()).await.unwrap_err(),
    };
    assert_eq!(error.code, "file.unwritable", "{error}");
    assert!(error.message.contains("`t`"), "{error}");
    assert!(lake.objects().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_and_json_lines_are_read_as_from_a_folder() {
    let lake = Lake::new();
    lake.put("in/a.csv", "id,name\n1,x\n2,\n").await;
    lake.put("in/b.csv.gz", gzip(b"name,id\ny,3\n")).await;
    lake.put("in/c.csv", "id,name\n").await;
    let spec = lake.source("{path: \"in/*\", format: csv}", "id: int64; name: utf8");
    assert_eq!(rows(&spec).await.unwrap(), ["1|x", "2|~", "3|y"]);
    lake.put("in/d.jsonl", "{\"id\": 4, \"name\": \"z\"}\n\n{\"id\": 5}")
        .await;
    let spec = lake.source("{path: in/d.jsonl}", "id: int64; name: utf8");
    assert_eq!(rows(&spec).await.unwrap(), ["4|z", "5|~"]);
    lake.put("in/e.csv", "id,name\n1,x\nbad,y\n").await;
    let spec = lake.source("{path: in/e.csv}", "id: int64; name: utf8");
    let error = rows(&spec).await.unwrap_err();
    assert_eq!(error.code, "file.csv.bad_value");
    assert!(
        error.to_string().contains(&format!("{}:3", lake.url("in/e.csv"))),
        "{error}"
    );
    lake.put("in/f.csv", "").await;
    let spec = lake.source("{path: in/f.csv}", "id: int64");
    assert_eq!(rows(&spec).await.unwrap_err().code, "file.empty");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_of_many_pieces_is_read_whole() {
    let lake = Lake::new();
    let mut text = String::from("id,name\n");
    for id in 0..400_000 {
        writeln!(text, "{id},a name that makes the row longer {id}").unwrap();
    }
    assert!(text.len() > 16 << 20);
    lake.put("a.csv", &text).await;
    lake.put("b.csv.gz", gzip(text.as_bytes())).await;
    for path in ["a.csv", "b.csv.gz"] {
        let spec = lake.source(&format!("{{path: {path}}}"), "id: int64");
        let found = rows(&spec).await.unwrap();
        assert_eq!(found.len(), 400_000);
        assert!(
            found.iter().enumerate().all(|(id, row)| *row == id.to_string()),
            "{path}"
        );
    }
}

#[test]
fn what_the_yaml_says_wrong_is_refused() {
    use tidegate_connector::s3::S3Connector;
    use tidegate_core::port::Connector;
    let check = |text: &str| S3Connector.check_resource(&yaml(text), std::path::Path::new("/"));
    for bad in [
        "{bucket: \"\"}",
        "{bucket: a/b}",
        "{bucket: a, prefix: /x}",
        "{bucket: a, prefix: x/../y}",
        "{bucket: a, endpoint: localhost}",
        "{bucket: a, endpoint: \"http://me:secret@localhost\"}",
        "{bucket: a, access_key: x}",
        "{bucket: a, secret_key: x}",
        "{bucket: a, buckets: x}",
    ] {
        let errors = check(bad).unwrap_err();
        assert!(errors[0].code.starts_with("schema."), "{bad}");
        assert!(
            !errors.iter().any(|error| error.to_string().contains("secret@")),
            "{bad}"
        );
    }
    assert_eq!(check("{bucket: a, prefix: x/y/}").unwrap()["prefix"], "x/y/");
    let upsert = S3Connector.check_destination(&yaml("{}"), &crate::support::loaded(Load::Upsert));
    assert_eq!(upsert.unwrap_err()[0].code, "schema.load_unsupported");
    for bad in [
        "{format: csv, compression: snappy}",
        "{compression: gzip}",
        "{row_group_rows: 1}",
        "{null_text: \",\"}",
    ] {
        let found = S3Connector.check_destination(&yaml(bad), &crate::support::loaded(Load::Replace));
        assert_eq!(found.unwrap_err()[0].code, "schema.invalid_value", "{bad}");
    }
    for bad in [
        "{path: ../x.csv}",
        "{path: /x.csv}",
        "{path: x.csv, only_new: 1}",
        "{path: x.csv, onlynew: true}",
    ] {
        assert!(
            S3Connector.check_source(&yaml(bad), &columns("a: utf8")).is_err(),
            "{bad}"
        );
    }
}
