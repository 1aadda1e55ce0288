//! Lies about columns, rows, shapes and state.

use tidegate_core::Kind;
use tidegate_core::port::Transform;

use crate::support::{Host, works};
use crate::{fails, has, named, refused};

#[tokio::test]
async fn every_lie_about_a_column_is_found() {
    let host = Host::new();
    for (deed, words) in [
        ("short", "it has 9 values and must have 10"),
        ("no-node", "its node is missing"),
        ("no-buffers", "its validity bits are missing"),
        ("extra-buffer", "0 nodes and 1 buffers too many"),
        ("falling-offsets", "its offsets fall"),
        ("negative-offsets", "its offsets begin at -1"),
        ("long-offsets", "its bytes have 10 bytes and must have 2147483647"),
        ("utf8", "its text is not UTF-8"),
        ("split-character", "an offset splits a character"),
        (
            "null-count",
            "3 values are said to be missing, and no bits say which",
        ),
        ("short-bitmap", "its validity bits have 1 bytes for 10 values"),
        ("not-null", "10 values are missing, and none may be"),
        ("decimal", "value 0 has more than 3 digits"),
    ] {
        let error = fails(&host, &host.evil(deed)).await;
        has(&error, "plugin.contract", "broke the contract: column `made`: ");
        has(&error, "plugin.contract", words);
        assert_eq!(error.kind, Kind::Plugin);
    }
}

#[tokio::test]
async fn every_lie_about_rows_is_found() {
    let host = Host::new();
    for (deed, words) in [
        ("selection-short", "its selection has 0 bytes of bits for 10 rows"),
        ("selection-beyond", "its selection takes row 10 of 10"),
        (
            "made-rows",
            "its output makes rows, and its shape carries the stream's columns",
        ),
        ("columns", "its output has 0 columns, and its shape has 1"),
        (
            "passed",
            "its output passes the column `made`, which its shape makes",
        ),
        ("reject-beyond", "it rejects row 10 of 10"),
        ("reject-kept", "it rejects row 0 and keeps it"),
        ("reject-twice", "it rejects row 0 twice"),
        (
            "reject-code",
            "it rejects row 0 with the code `NOT A CODE\\u{1b}[2J`, which is none",
        ),
    ] {
        let error = fails(&host, &host.evil(deed)).await;
        has(&error, "plugin.contract", words);
    }
}

#[tokio::test]
async fn every_lie_about_the_shape_is_found_before_data_moves() {
    let host = Host::new();
    for (deed, words) in [
        ("shape-loop", "a type of its shape holds itself"),
        ("shape-beyond", "its shape names field 7, and there are 1"),
        ("shape-field", "its shape names field 9, and there are 1"),
        ("shape-input", "its shape names input column 9, and 1 are granted"),
        ("shape-from", "its shape names input column 9, and 1 are granted"),
        ("shape-twice", "its shape writes the column `made` twice"),
        ("shape-bomb", "its shape has more than 10000 fields"),
        ("shape-many", "its shape has more than 10000 fields"),
        ("shape-deep", "its types nest deeper than 32 levels"),
        ("shape-hollow", "a struct of its shape has no members"),
        (
            "shape-member",
            "a member of its shape has the name `\\u{1b}[2J`, which is none",
        ),
        ("shape-members", "a struct of its shape has the member `x` twice"),
        ("shape-zone", "a time zone `Mars/\\u{1b}[2JBase` that is none"),
        ("shape-decimal", "its shape has a decimal(39,0)"),
        ("shape-scale", "its shape has a decimal(5,-1)"),
        ("shape-time", "neither microseconds nor nanoseconds"),
        ("shape-fixed", "its shape has a fixed-binary(0)"),
        ("shape-nothing", "its shape leaves no column"),
    ] {
        let error = refused(&host, &host.evil(deed), "shape").await;
        has(&error, "plugin.contract", words);
    }
}

#[tokio::test]
async fn lies_at_the_end_and_in_the_state_are_found() {
    let host = Host::new();
    for (deed, words) in [
        ("finish-selects", "selects rows of an input that is gone"),
        (
            "finish-makes",
            "its output makes rows, and its shape carries the stream's columns",
        ),
        (
            "finish-passes",
            "passes the column `made` on from an input that is gone",
        ),
    ] {
        let mut evil = host.bind_evil(&host.evil(deed)).await.unwrap();
        let error = evil.finish().await.unwrap_err();
        named(&host, &error, "finish");
        has(&error, "plugin.contract", words);
    }
    let mut evil = host.bind_evil(&host.evil("snapshot-huge")).await.unwrap();
    let error = evil.snapshot().await.unwrap_err();
    named(&host, &error, "snapshot");
    has(
        &error,
        "plugin.contract",
        "its snapshot has 20971520 bytes; 16777216 are allowed",
    );
    let mut evil = host.bind_evil(&host.evil("restore-refuses")).await.unwrap();
    let error = evil.restore(b"what").await.unwrap_err();
    named(&host, &error, "restore");
    has(&error, "plugin.data", "no state of mine");
    works(&mut host.bind_good().await).await;
}
