//! Which objects a path names, and which of them are new.

use tidegate_core::plan::SourceSpec;
use tidegate_core::port::Watermark;

use crate::support::{Lake, lines, open, partition, read, rest, rows};

/// Puts objects of one line each, several at once.
async fn put_all(lake: &Lake, names: &[String]) {
    for names in names.chunks(32) {
        let puts = names.iter().map(|name| {
            let request = lake
                .client
                .put_object()
                .bucket(crate::support::BUCKET)
                .key(lake.key(name));
            let body = format!("{{\"n\": \"{name}\"}}\n").into_bytes();
            tokio::spawn(request.body(body.into()).send())
        });
        for put in puts.collect::<Vec<_>>() {
            put.await.unwrap().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_objects_than_a_page_holds_are_all_read_once_in_order() {
    let lake = Lake::new();
    let names: Vec<String> = (0..2_100).map(|n| format!("many/{n:05}.jsonl")).collect();
    put_all(&lake, &names).await;
    let spec = lake.source("{path: \"many/*.jsonl\"}", "n: utf8");
    assert_eq!(rows(&spec).await.unwrap(), names);
    // A cursor in the second page.
    let batches = read(&spec, None, None, 1_000).await.unwrap();
    let behind = read(&spec, None, Some(&batches[1_499].cursor), 1_000)
        .await
        .unwrap();
    assert_eq!(lines(&behind), names[1_500..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_match_as_they_do_in_a_folder() {
    let lake = Lake::new();
    let names = [
        "a.jsonl",
        "b.jsonl",
        "b.txt",
        "d/a.jsonl",
        "d/.hidden.jsonl",
        "d/e/a.jsonl",
        "p=1/x.jsonl",
        "p=2/x.jsonl",
        "[x]/a.jsonl",
    ];
    put_all(&lake, &names.map(str::to_owned)).await;
    // Some programs make such objects in place of folders.
    lake.put("d/", "").await;
    for (path, wanted) in [
        ("*.jsonl", &["a.jsonl", "b.jsonl"][..]),
        ("a.jsonl", &["a.jsonl"]),
        ("./a.jsonl", &["a.jsonl"]),
        ("?.jsonl", &["a.jsonl", "b.jsonl"]),
        ("d/*", &["d/a.jsonl"]),
        ("d/.hidden.jsonl", &["d/.hidden.jsonl"]),
        ("d/**/*.jsonl", &["d/a.jsonl", "d/e/a.jsonl"]),
        ("[ab].jsonl", &["a.jsonl", "b.jsonl"]),
        ("p={partition}/x.jsonl", &["p=1/x.jsonl", "p=2/x.jsonl"]),
    ] {
        let spec = lake.source(&format!("{{path: \"{path}\", format: jsonl}}"), "n: utf8");
        assert_eq!(rows(&spec).await.unwrap(), wanted, "{path}");
    }
    let spec = lake.source("{path: \"p={partition}/x.jsonl\"}", "n: utf8");
    let one = read(&spec, Some(&partition("2")), None, 10).await.unwrap();
    assert_eq!(lines(&one), ["p=2/x.jsonl"]);
    let spec = lake.source("{path: \"{partition}/a.jsonl\"}", "n: utf8");
    let one = read(&spec, Some(&partition("[x]")), None, 10).await.unwrap();
    assert_eq!(lines(&one), ["[x]/a.jsonl"]);
    let spec = lake.source("{path: \"none/*.jsonl\"}", "n: utf8");
    let error = rows(&spec).await.unwrap_err();
    assert_eq!(error.code, "s3.not_found");
    assert!(error.message.contains(&lake.url("none/*.jsonl")), "{error}");
    assert!(error.hint.is_some());
}

/// What a run reads behind a mark, and its own mark.
async fn run(spec: &SourceSpec, since: Option<&Watermark>) -> (Vec<String>, Option<Watermark>) {
    let source = open(spec, None, None, 10, since).await.unwrap();
    let mark = source.watermark();
    (lines(&rest(source).await.unwrap()), mark)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_new_is_read() {
    let lake = Lake::new();
    let spec = lake.source("{path: \"in/*.jsonl\", only_new: true}", "n: utf8");
    let (none, mark) = run(&spec, None).await;
    assert!(none.is_empty() && mark.is_none());
    put_all(&lake, &["in/1.jsonl".into(), "in/2.jsonl".into()]).await;
    let (first, mark) = run(&spec, None).await;
    assert_eq!(first, ["in/1.jsonl", "in/2.jsonl"]);
    let (again, same) = run(&spec, mark.as_ref()).await;
    assert!(again.is_empty());
    assert_eq!(same, mark);
    // What comes after a source was opened is for the next one.
    put_all(&lake, &["in/3.jsonl".into()]).await;
    let source = open(&spec, None, None, 10, mark.as_ref()).await.unwrap();
    let mark = source.watermark();
    put_all(&lake, &["in/4.jsonl".into()]).await;
    assert_eq!(lines(&rest(source).await.unwrap()), ["in/3.jsonl"]);
    // An attempt that takes another's place reads up to where that one would have read, and no further.
    let mut source = open(&spec, None, None, 10, None).await.unwrap();
    let cursor = source.next().await.unwrap().unwrap().cursor;
    put_all(&lake, &["in/5.jsonl".into()]).await;
    let heir = open(&spec, None, Some(&cursor), 10, None).await.unwrap();
    assert_eq!(heir.watermark(), source.watermark());
    let wanted = ["in/2.jsonl", "in/3.jsonl", "in/4.jsonl"];
    assert_eq!(lines(&rest(heir).await.unwrap()), wanted);
    lake.delete("in/5.jsonl").await;
    let (last, _) = run(&spec, mark.as_ref()).await;
    assert_eq!(last, ["in/4.jsonl"]);
}
