//! JSON Lines files that are good.

use crate::support::{Project, read, rejects, rows};

#[tokio::test]
async fn objects_become_rows_whatever_the_order_of_their_keys() {
    let project = Project::new();
    project.write(
        "a.jsonl",
        "\u{feff}{\"id\": 1, \"name\": \"a\", \"x\": [1]}\r\n\n  \n{\"name\":null,\"id\":2}\n{\"id\": 3}\n{\"name\": \"\\u00e9\\n\", \"id\": 9007199254740993}",
    );
    let spec = project.source("{path: a.jsonl}", "id: int64; name: utf8");
    assert_eq!(
        rows(&spec).await.unwrap(),
        ["1|a", "2|~", "3|~", "9007199254740993|é\n"]
    );
}

#[tokio::test]
async fn every_type_is_read() {
    let project = Project::new();
    let types = "a: boolean; b: uint8; c: float64; d: decimal(20,2); e: timestamp(ms, UTC); f: list(int64); \
                 g: struct(x: int8, y: utf8); h: map(utf8, int64); i: utf8; j: date32; k: binary";
    project.write(
        "a.ndjson",
        "{\"a\":true,\"b\":255,\"c\":1e3,\"d\":12345678901234567.25,\"e\":\"2013-01-01T10:00:00Z\",\"f\":[1,null],\
         \"g\":{\"x\":1,\"y\":\"z\"},\"h\":{\"k\":1},\"i\":1.50,\"j\":\"2013-02-28\",\"k\":\"00ff\"}\n",
    );
    assert_eq!(
        rows(&project.source("{path: a.ndjson}", types)).await.unwrap(),
        [
            "true|255|1000.0|12345678901234567.25|2013-01-01T10:00:00Z|[1, ~]|{x: 1, y: z}|{k: 1}|1.50|2013-02-28|00ff"
        ]
    );
}

#[tokio::test]
async fn bad_rows_are_kept_aside_when_asked() {
    let project = Project::new();
    let mut text = b"{\"id\":1}\n\n{\"id\":\"x\"}\n{\"id\":\n{\"id\":2}{\"id\":3}\n{\"id\":4}\n".to_vec();
    text.extend_from_slice(b"{\"name\":\"\xff\"}\n{\"id\":5}\n{\"id\":1.5}");
    project.write("a.jsonl", text);
    let spec = project.source("{path: a.jsonl, on_bad_row: quarantine}", "id: int64; name: utf8");
    for batch_rows in [1, 2, 100] {
        let batches = read(&spec, None, None, batch_rows).await.unwrap();
        assert_eq!(crate::support::lines(&batches), ["1|~", "4|~", "5|~"]);
        assert_eq!(
            rejects(&batches),
            [
                "3 file.jsonl.bad_record {\"id\":\"x\"}",
                "4 file.jsonl.bad_record {\"id\":",
                "5 file.jsonl.bad_record {\"id\":2}{\"id\":3}",
                "7 file.bad_encoding {\"name\":\"\u{fffd}\"}",
                "9 file.jsonl.bad_record {\"id\":1.5}",
            ]
        );
    }
}
