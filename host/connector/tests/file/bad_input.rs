//! Files that are not as they should be: each has its code, and its line where it has one.

use std::io::Write;

use crate::support::{Project, code_and_line, columns, gzip, loaded, read, rows, yaml, zstd};
use tidegate_connector::file::FileConnector;
use tidegate_core::Kind;
use tidegate_core::port::Connector;
use tidegate_core::schema::Load;

const COLUMNS: &str = "id: int64; name: utf8";

/// Reads a file of so many bytes and answers the error.
async fn error(name: &str, bytes: impl AsRef<[u8]>, config: &str, columns: &str) -> tidegate_core::Error {
    let project = Project::new();
    project.write(name, bytes);
    rows(&project.source(&config.replace("PATH", name), columns))
        .await
        .unwrap_err()
}

async fn csv(bytes: impl AsRef<[u8]>) -> tidegate_core::Error {
    error("a.csv", bytes, "{path: PATH}", COLUMNS).await
}

#[tokio::test]
async fn a_ragged_row() {
    let found = csv("id,name\n1,a\n\n2,\"b\nb\"\n3\n4,d\n").await;
    assert_eq!(code_and_line(&found), ("file.csv.ragged_row", 6));
    assert_eq!(found.kind, Kind::Data);
    assert_eq!(found.message, "the row has 1 fields where 2 are wanted");
    let found = csv("id,name\r\n1,a\r\n\r\n2,b,c\r\n").await;
    assert_eq!(code_and_line(&found), ("file.csv.ragged_row", 4));
}

#[tokio::test]
async fn a_bad_number() {
    let found = csv("id,name\n1,a\n2,b\n3,c\n1O,d\n").await;
    assert_eq!(code_and_line(&found), ("file.csv.bad_value", 5));
    assert_eq!(found.message, "`1O` in column `id` is not int64");
    assert!(found.hint.unwrap().contains("nulls"));
}

#[tokio::test]
async fn values_that_do_not_fit_their_type() {
    for (data_type, value) in [
        ("int8", "128"),
        ("uint8", "-1"),
        ("int64", "1.0"),
        ("int64", "9223372036854775808"),
        ("float64", "1,5"),
        ("float64", "1.5.5"),
        ("boolean", "maybe"),
        ("decimal(5,2)", "1.005"),
        ("decimal(5,2)", "1234.5"),
        ("decimal(5,2)", "1e99999"),
        ("date32", "2013-02-30"),
        ("date32", "2013-02-03T10:00:00"),
        ("date32", "2013-02-03 00:00:01Z"),
        ("timestamp(ms, UTC)", "2013-01-01T25:00:00Z"),
        ("timestamp(ms, America/New_York)", "2013-03-10T02:30:00"),
        ("timestamp(ns)", "3000-01-01T00:00:00"),
        ("time64(us)", "24:00:01"),
    ] {
        let text = format!("a;b\n{};{value}\n", "x".repeat(3));
        let found = error(
            "a.csv",
            text,
            "{path: PATH, delimiter: ;}",
            &format!("b: {data_type}"),
        )
        .await;
        assert_eq!(
            code_and_line(&found),
            ("file.csv.bad_value", 2),
            "{data_type} {value}: {found}"
        );
        assert!(found.message.contains(value) && found.message.contains(data_type));
    }
    let digits = "9".repeat(300);
    let found = error(
        "a.csv",
        format!("b\n{digits}\n"),
        "{path: PATH}",
        "b: decimal(76,0)",
    )
    .await;
    assert_eq!(code_and_line(&found), ("file.csv.bad_value", 2));
}

#[tokio::test]
async fn the_first_bad_row_is_named_whatever_its_column() {
    let found = csv("name,id\na,1\nb,x\nc\n").await;
    assert_eq!(code_and_line(&found), ("file.csv.bad_value", 3));
}

#[tokio::test]
async fn a_null_where_none_may_be() {
    let found = error(
        "a.csv",
        "id,name\n1,a\n,b\n",
        "{path: PATH}",
        "id: int64!; name: utf8",
    )
    .await;
    assert_eq!(code_and_line(&found), ("file.null_value", 3));
    let found = error(
        "a.jsonl",
        "{\"id\":1}\n{\"name\":\"b\"}\n",
        "{path: PATH}",
        "id: int64!; name: utf8",
    )
    .await;
    assert_eq!(code_and_line(&found), ("file.null_value", 2));
}

#[tokio::test]
async fn an_unclosed_quote() {
    let found = csv("id,name\n1,a\n\n2,\"b\n3,c\n4,d\n").await;
    assert_eq!(code_and_line(&found), ("file.csv.unclosed_quote", 4));
    let found = csv("id,name\r\n1,\"a\"\"\r\n").await;
    assert_eq!(code_and_line(&found), ("file.csv.unclosed_quote", 2));
    let found = csv("id,\"name\n1,a\n").await;
    assert_eq!(code_and_line(&found), ("file.csv.unclosed_quote", 1));
}

#[tokio::test]
async fn text_that_is_not_utf8() {
    let found = csv(b"id,name\n1,a\n2,caf\xe9\n").await;
    assert_eq!(code_and_line(&found), ("file.bad_encoding", 3));
    let found = csv(b"\n\r\nid,n\xe9me\n1,a\n").await;
    assert_eq!(code_and_line(&found), ("file.bad_encoding", 3));
    let found = csv("id,name\n1,a\n".encode_utf16().flat_map(u16::to_le_bytes).fold(
        vec![0xff, 0xfe],
        |mut out, byte| {
            out.push(byte);
            out
        },
    ))
    .await;
    assert_eq!(code_and_line(&found), ("file.bad_encoding", 1));
    assert!(found.message.contains("UTF-16"));
    let found = error(
        "a.jsonl",
        b"{\"id\":1}\n{\"name\":\"\xff\"}\n",
        "{path: PATH}",
        COLUMNS,
    )
    .await;
    assert_eq!(code_and_line(&found), ("file.bad_encoding", 2));
}

#[tokio::test]
async fn an_empty_file() {
    for text in ["", "\n\n", "\u{feff}"] {
        assert_eq!(csv(text).await.code, "file.empty");
    }
    assert_eq!(
        error("a.csv.gz", gzip(b""), "{path: PATH}", COLUMNS).await.code,
        "file.empty"
    );
    let project = Project::new();
    project.write("a.jsonl", "");
    assert!(
        rows(&project.source("{path: a.jsonl}", COLUMNS))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_record_of_50_megabytes() {
    let mut text = b"id,name\n1,a\n2,".to_vec();
    text.resize(50 << 20, b'x');
    text.extend_from_slice(b"\n3,c\n");
    let found = csv(&text).await;
    assert_eq!(code_and_line(&found), ("file.record_too_long", 3));
    let found = error("a.csv.gz", gzip(&text), "{path: PATH}", COLUMNS).await;
    assert_eq!(code_and_line(&found), ("file.record_too_long", 3));
    // One that is allowed is read.
    let project = Project::new();
    project.write("a.csv", &text);
    let read = rows(&project.source("{path: a.csv, max_record_bytes: 60000000}", COLUMNS))
        .await
        .unwrap();
    assert_eq!((read.len(), read[1].len()), (3, (50 << 20) - 12));
}

#[tokio::test]
async fn a_column_that_is_not_there() {
    let found = error("a.csv", "id,nmae\n1,a\n", "{path: PATH}", COLUMNS).await;
    assert_eq!(found.code, "file.column_missing");
    assert_eq!(
        found.message,
        "the file has no column `name`; it has `id`, `nmae`"
    );
    assert_eq!(found.hint.as_deref(), Some("did you mean `nmae`?"));
    assert_eq!(
        error("a.csv", "id,name,id\n1,a,2\n", "{path: PATH}", COLUMNS)
            .await
            .code,
        "file.column_twice"
    );
}

#[tokio::test]
async fn a_file_that_is_not_there() {
    let project = Project::new();
    let found = rows(&project.source("{path: \"x/*.csv\"}", COLUMNS))
        .await
        .unwrap_err();
    assert_eq!(
        (found.code.as_str(), found.kind),
        ("file.not_found", Kind::Resource)
    );
    assert!(
        found
            .message
            .contains(&project.path("x/*.csv").display().to_string())
    );
}

#[tokio::test]
async fn corrupt_compression() {
    let text = "id,name\n".to_owned() + &"1,some text to pack\n".repeat(10_000);
    let mut packed = gzip(text.as_bytes());
    let cut = packed[..packed.len() / 2].to_vec();
    assert_eq!(
        error("a.csv.gz", cut, "{path: PATH}", COLUMNS).await.code,
        "file.compression"
    );
    let middle = packed.len() / 2;
    packed[middle] ^= 0xff;
    assert_eq!(
        error("a.csv.gz", &packed, "{path: PATH}", COLUMNS).await.code,
        "file.compression"
    );
    let packed = zstd(text.as_bytes());
    let cut = &packed[..packed.len() - 5];
    assert_eq!(
        error("a.csv.zst", cut, "{path: PATH}", COLUMNS).await.code,
        "file.compression"
    );
    let plain = error(
        "a.csv",
        "id,name\n1,a\n",
        "{path: PATH, compression: gzip}",
        COLUMNS,
    )
    .await;
    assert_eq!(plain.code, "file.compression");
}

#[tokio::test]
async fn json_lines_that_are_no_objects() {
    for (line, code) in [
        ("{\"id\": 1", "file.jsonl.bad_record"),
        ("[1, 2]", "file.jsonl.bad_record"),
        ("{\"id\": 1} {\"id\": 2}", "file.jsonl.bad_record"),
        ("{\"id\": 1.5}", "file.jsonl.bad_record"),
        ("{\"id\": \"x\"}", "file.jsonl.bad_record"),
        ("{\"id\": 9223372036854775808}", "file.jsonl.bad_record"),
        ("{\"name\": {\"a\": 1}}", "file.jsonl.bad_record"),
        ("nonsense", "file.jsonl.bad_record"),
    ] {
        let text = format!("{{\"id\": 1}}\r\n\r\n{{\"id\": 2}}\n{line}\n{{\"id\": 3}}\n");
        let found = error("a.jsonl", text, "{path: PATH}", COLUMNS).await;
        assert_eq!(code_and_line(&found), (code, 4), "{line}: {found}");
    }
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read() {
    let project = Project::new();
    let line = "1,some text that is long enough\n";
    let path = project.write("a.csv", "id,name\n".to_owned() + &line.repeat(100_000));
    let mut source = crate::support::open(&project.source("{path: a.csv}", COLUMNS), None, None, 1_000)
        .await
        .unwrap();
    source.next().await.unwrap();
    std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"2,late\n")
        .unwrap();
    let found = loop {
        match source.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("nobody noticed"),
            Err(error) => break error,
        }
    };
    assert_eq!(found.code, "file.changed");
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_read() {
    let project = Project::new();
    let path = project.write("a.csv", "id,name\n1,a\n2,b\n");
    let spec = project.source("{path: \"*.csv\"}", COLUMNS);
    let cursor = read(&spec, None, None, 1).await.unwrap()[0].cursor.clone();
    assert_eq!(read(&spec, None, Some(&cursor), 1).await.unwrap().len(), 1);
    std::fs::write(&path, "id,name\n1,a\n2,b\n3,c\n").unwrap();
    let found = read(&spec, None, Some(&cursor), 1).await.unwrap_err();
    assert_eq!(
        (found.code.as_str(), found.kind),
        ("file.changed", Kind::Resource)
    );
    std::fs::remove_file(&path).unwrap();
    project.write("b.csv", "id,name\n");
    assert_eq!(
        read(&spec, None, Some(&cursor), 1).await.unwrap_err().code,
        "file.changed"
    );
}

#[test]
fn configs_that_make_no_sense() {
    let refused = |config: &str| {
        let mut found = FileConnector
            .check_source(&yaml(config), &columns(COLUMNS))
            .unwrap_err();
        let error = found.remove(0);
        let place = error.place.map(|place| place.to_string()).unwrap_or_default();
        format!("{} {place}: {}", error.code, error.message)
    };
    for (config, wanted) in [
        (
            "{path: ../a.csv}",
            "schema.invalid_value at /path: `../a.csv` leaves the resource's root with `..`",
        ),
        (
            "{path: a/../../b.csv}",
            "schema.invalid_value at /path: `a/../../b.csv` leaves",
        ),
        (
            "{path: /etc/passwd, format: csv}",
            "schema.invalid_value at /path: `/etc/passwd` is absolute",
        ),
        (
            "{path: \"a[.csv\"}",
            "schema.invalid_value at /path: `a[.csv` is not a pattern",
        ),
        (
            "{path: a.dat}",
            "schema.invalid_value at /path: the end of `a.dat` does not tell",
        ),
        (
            "{path: a.csv, delimiter: ab}",
            "schema.invalid_value at /delimiter",
        ),
        ("{path: a.csv, quote: \",\"}", "schema.invalid_value at /quote"),
        (
            "{path: a.csv, max_record_bytes: 0}",
            "schema.invalid_value at /max_record_bytes",
        ),
        ("{path: a.csv, delimeter: ;}", "schema.unknown_key at /delimeter"),
        (
            "{path: a.csv, on_bad_row: drop}",
            "schema.invalid_value at /on_bad_row",
        ),
        ("{}", "schema.missing_key"),
    ] {
        let found = refused(config);
        assert!(found.starts_with(wanted), "{config}: {found}");
    }
    let nested = FileConnector
        .check_source(&yaml("{path: a.csv}"), &columns("a: list(utf8)"))
        .unwrap_err();
    assert_eq!(nested[0].code, "schema.type_unsupported");
    let upsert = FileConnector
        .check_destination(&yaml("{}"), &loaded(Load::Upsert))
        .unwrap_err();
    assert_eq!(upsert[0].code, "schema.load_unsupported");
    let rows = FileConnector
        .check_destination(&yaml("{row_group_rows: 1}"), &loaded(Load::Append))
        .unwrap_err();
    assert_eq!(rows[0].code, "schema.invalid_value");
}

#[test]
fn a_root_is_made_absolute_without_a_disk() {
    let root = |config: &str| {
        FileConnector
            .check_resource(&yaml(config), std::path::Path::new("/p/q"))
            .unwrap()["root"]
            .clone()
    };
    assert_eq!(root("{}"), "/p/q/.tidegate/data");
    assert_eq!(root("{root: ../out/./x}"), "/p/out/x");
    assert_eq!(root("{root: /data}"), "/data");
    let unknown = FileConnector
        .check_resource(&yaml("{rot: x}"), std::path::Path::new("/p"))
        .unwrap_err();
    assert_eq!(unknown[0].code, "schema.unknown_key");
}
