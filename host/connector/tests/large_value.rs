//! A value of 1 GB is refused before it is in memory. A process of its own, since what is looked at is the peak of the
//! process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "the other tests of the connector use the rest")]
#[path = "s3/support.rs"]
mod lake;
#[allow(dead_code, reason = "the other tests of the connector use the rest")]
#[path = "postgres/support.rs"]
mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;

use tidegate_connector::file::FileConnector;
use tidegate_core::Error;
use tidegate_core::plan::SourceSpec;
use tidegate_core::port::{Connector, OpenSource, Unheard};

use lake::{Lake, columns, yaml};
use support::Warehouse;

const VALUE_BYTES: u64 = 1_000_000_000;
/// Of which 16 MiB are the longest record that is read.
const LIMIT_BYTES: u64 = 150 << 20;

/// Fails if this process ever had more memory than it may.
fn within_limit(what: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    println!("{what}: a peak of {} MiB", kib >> 10);
    assert!(kib << 10 < LIMIT_BYTES, "{what}: {kib} KiB");
}

/// Where a value begins and what stands before it, by the ending of the file.
const TEXTS: [(&str, &str); 2] = [
    (
        "jsonl",
        "{\"id\": 1, \"body\": \"short\"}\n{\"id\": 2, \"body\": \"",
    ),
    ("csv", "id,body\n1,short\n2,\""),
];

/// The value, packed: 1 GB of one letter.
fn packed(start: &str) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(start.as_bytes()).unwrap();
    std::io::copy(&mut std::io::repeat(b'x').take(VALUE_BYTES), &mut encoder).unwrap();
    encoder.write_all(b"\"}\n").unwrap();
    encoder.finish().unwrap()
}

async fn file_error(root: &std::path::Path, path: &str) -> Error {
    let columns = columns("id: int64; body: utf8");
    let spec = SourceSpec {
        cursor: None,
        connector: "file".into(),
        resource: serde_json::json!({ "root": root }),
        config: FileConnector
            .check_source(
                &yaml(&format!("{{path: {path}, on_bad_row: quarantine}}")),
                &columns,
            )
            .unwrap(),
        columns,
    };
    let open = OpenSource {
        since: None,
        spec: &spec,
        partition: None,
        cursor: None,
        batch_rows: 1_000,
        log: Arc::new(Unheard),
        secrets: &[],
    };
    let mut source = FileConnector.open_source(open).await.unwrap();
    loop {
        match source.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("{path} was read to its end"),
            Err(error) => return error,
        }
    }
}

fn too_long(error: &Error, line: u64) {
    assert_eq!(error.code, "file.record_too_long", "{error}");
    assert!(error.message.contains("16777216"), "{error}");
    assert!(
        error.hint.as_ref().unwrap().contains("max_record_bytes"),
        "{error}"
    );
    let place = format!("{:?}", error.place);
    assert!(place.contains(&format!("line: {line}")), "{place}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_a_gigabyte_is_refused_without_being_held() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::new();
    for (ending, start) in TEXTS {
        let line = start.matches('\n').count() as u64 + 1;
        // A file with a hole: it has the length, and takes no room.
        let name = format!("a.{ending}");
        let mut file = File::create(folder.path().join(&name)).unwrap();
        file.write_all(start.as_bytes()).unwrap();
        file.set_len(VALUE_BYTES).unwrap();
        too_long(&file_error(folder.path(), &name).await, line);
        within_limit(&name);
        let name = format!("a.{ending}.zst");
        let bytes = packed(start);
        std::fs::write(folder.path().join(&name), &bytes).unwrap();
        too_long(&file_error(folder.path(), &name).await, line);
        within_limit(&name);
        lake.put(&name, bytes).await;
        let spec = lake.source(&format!("{{path: {name}}}"), "id: int64; body: utf8");
        too_long(&lake::rows(&spec).await.unwrap_err(), line);
        within_limit(&format!("{name} in a bucket"));
    }

    // Packed by the server, where they lie.
    let warehouse = Warehouse::new().await;
    warehouse
        .execute(&format!(
            "CREATE TABLE large (id integer, body text, doc jsonb, tags text[]);
             INSERT INTO large VALUES (1, 'short', '{{}}', '{{}}'), (2, repeat('x', {VALUE_BYTES}), '{{}}', '{{}}'),
             (3, 'short', to_jsonb(repeat('x', 200000000)), '{{}}'), (4, 'short', '{{}}', ARRAY[repeat('x', 200000000)])"
        ))
        .await;
    let columns = "[{name: id, type: int64}, {name: body, type: utf8}, {name: doc, type: utf8}, {name: tags, type: list(utf8)}]";
    for what in ["table: large", "query: SELECT * FROM large"] {
        let read = warehouse
            .read_from(&format!("{{{what}, on_bad_row: quarantine}}"), columns)
            .await
            .unwrap();
        assert_eq!(
            read.refused,
            [
                format!("`body` has {VALUE_BYTES} bytes"),
                "`doc` has 200000002 bytes".to_owned(),
                "`tags` has 200000024 bytes".to_owned(),
            ]
        );
        assert_eq!(read.lines.len(), 1);
        within_limit(what);
    }
    let error = warehouse.read_from("{table: large}", columns).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.message),
        (
            "postgres.bad_row",
            format!("row 2: `body` has {VALUE_BYTES} bytes")
        )
    );
    within_limit("a row that fails the run");
}
