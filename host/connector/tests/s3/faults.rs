//! What a service, a bucket or an object can do wrong: each is told by its own code, with the place and what to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tidegate_core::schema::Load;
use tidegate_core::{Error, Retry};

use crate::proxy::{self, Fate};
use crate::resume::{parquet, parquet_of};
use crate::support::{Attempt, BUCKET, Lake, SECRET_KEY, lines, open, rest, rows, server};

/// The error of reading one object of numbers.
async fn read_error(lake: &Lake) -> Error {
    lake.put("a.jsonl", "{\"n\": 1}\n").await;
    rows(&lake.source("{path: a.jsonl}", "n: int64"))
        .await
        .unwrap_err()
}

fn told(error: &Error, code: &str, place: &str) {
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains(place), "{error}");
    assert!(error.hint.is_some(), "{error}");
    let all = format!("{error:?}");
    assert!(
        !all.contains(SECRET_KEY) && !all.contains("wrong-secret"),
        "{all}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_not_good_are_told_and_not_shown() {
    let lake = Lake::new();
    let place = format!("s3://{BUCKET}/");
    told(
        &read_error(&lake.with("secret_key", "wrong-secret")).await,
        "s3.login",
        &place,
    );
    told(
        &read_error(&lake.with("access_key", "nobody")).await,
        "s3.login",
        &place,
    );
    let refused = Attempt::new(&lake.with("secret_key", "wrong-secret"), Load::Replace, 1, "a")
        .load(0..1)
        .await;
    told(&refused.unwrap_err(), "s3.login", &place);
    let url = proxy::start(&server(), |_| Fate::Expired);
    told(
        &read_error(&lake.through(&url)).await,
        "s3.credentials_expired",
        &place,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_there_is_told() {
    let lake = Lake::new().with("bucket", "nowhere-at-all");
    told(
        &read_error(&lake).await,
        "s3.bucket_missing",
        "s3://nowhere-at-all/",
    );
    let refused = Attempt::new(&lake, Load::Replace, 1, "a").load(0..1).await;
    told(&refused.unwrap_err(), "s3.bucket_missing", "s3://nowhere-at-all/");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_may_come_back() {
    let lake = Lake::new();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let error = read_error(&lake.through(&format!("http://127.0.0.1:{port}"))).await;
    told(&error, "s3.network", &format!("s3://{BUCKET}/"));
    assert_eq!(error.retry, Retry::Later);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_service_is_asked_again_and_told_of_where_it_stays_busy() {
    let lake = Lake::new();
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    let url = proxy::start(&server(), move |_| {
        match counted.fetch_add(1, Ordering::SeqCst) % 2 {
            0 => Fate::SlowDown,
            _ => Fate::Pass,
        }
    });
    lake.put("a.jsonl", "{\"n\": 1}\n").await;
    let found = rows(&lake.through(&url).source("{path: a.jsonl}", "n: int64"))
        .await
        .unwrap();
    assert_eq!(found, ["1"]);
    let receipt = Attempt::new(&lake.through(&url), Load::Append, 1, "a")
        .load(0..3)
        .await
        .unwrap();
    assert_eq!((receipt.rows, receipt.repeated), (3, false));
    let url = proxy::start(&server(), |_| Fate::SlowDown);
    let error = read_error(&lake.through(&url)).await;
    told(&error, "s3.busy", &format!("s3://{BUCKET}/"));
    assert_eq!(error.retry, Retry::Later);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_service_is_given_up_after_the_timeout() {
    let lake = Lake::new().with("timeout", "200ms");
    let url = proxy::start(&server(), |_| Fate::Stall);
    let error = read_error(&lake.through(&url)).await;
    told(&error, "s3.timeout", &format!("s3://{BUCKET}/"));
    assert_eq!(error.retry, Retry::Later);
    // It is silent only within the answers that hold the object.
    let url = proxy::start(&server(), |line| {
        if line.contains("a.jsonl?x-id=GetObject") || line.contains("/a.jsonl ") {
            Fate::StallInside
        } else {
            Fate::Pass
        }
    });
    let error = read_error(&lake.through(&url)).await;
    assert!(
        ["s3.timeout", "s3.network"].contains(&error.code.as_str()),
        "{error}"
    );
    assert!(error.message.contains(&lake.url("a.jsonl")), "{error}");
}

/// A text of several pieces, with the number of each line.
fn long_text() -> String {
    let line = |n: usize| format!("{{\"n\": {n}, \"text\": \"{}\"}}\n", "x".repeat(80));
    (0..60_000).map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_break_off_are_asked_for_again() {
    for fate in [Fate::CutInside, Fate::StallInside] {
        let lake = Lake::new();
        lake.put("a.jsonl", long_text()).await;
        lake.put("a.parquet", parquet(0, 100)).await;
        let seen = Arc::new(AtomicUsize::new(0));
        let url = proxy::start(&server(), move |line| {
            let object = line.starts_with("GET") && !line.contains("list-type");
            match object.then(|| seen.fetch_add(1, Ordering::SeqCst) % 3) {
                Some(1) => fate,
                _ => Fate::Pass,
            }
        });
        let lake = lake.through(&url).with("timeout", "500ms");
        let found = rows(&lake.source("{path: a.jsonl}", "n: int64")).await.unwrap();
        assert_eq!(found.len(), 60_000);
        assert!(found.iter().enumerate().all(|(n, row)| *row == n.to_string()));
        let found = rows(&lake.source("{path: a.parquet}", "id: int64; name: utf8"))
            .await
            .unwrap();
        assert_eq!(found.len(), 100);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_dies_in_the_middle_ends_the_read_and_a_cursor_takes_it_up() {
    let lake = Lake::new();
    lake.put("a.jsonl", long_text()).await;
    let dead = Arc::new(AtomicBool::new(false));
    let seen = dead.clone();
    let gone = Arc::new(AtomicUsize::new(0));
    let url = proxy::start(&server(), move |_| {
        // The listing and the first piece come through.
        let at = gone.fetch_add(1, Ordering::SeqCst);
        if at >= 2 || seen.load(Ordering::SeqCst) {
            Fate::CutBefore
        } else {
            Fate::Pass
        }
    });
    let spec = lake.through(&url).source("{path: a.jsonl}", "n: int64");
    let mut source = open(&spec, None, None, 8_192, None).await.unwrap();
    let mut before = Vec::new();
    let error = loop {
        match source.next().await {
            Ok(Some(batch)) => before.push(batch),
            Ok(None) => panic!("the read ended as if it had been whole"),
            Err(error) => break error,
        }
    };
    dead.store(true, Ordering::SeqCst);
    assert_eq!(
        (error.code.as_str(), error.retry),
        ("s3.network", Retry::Later),
        "{error}"
    );
    let spec = lake.source("{path: a.jsonl}", "n: int64");
    let cursor = before.last().map(|batch| batch.cursor.clone());
    let behind = rest(open(&spec, None, cursor.as_ref(), 8_192, None).await.unwrap())
        .await
        .unwrap();
    let all: Vec<String> = lines(&before).into_iter().chain(lines(&behind)).collect();
    assert_eq!(all.len(), 60_000);
    assert!(all.iter().enumerate().all(|(n, row)| *row == n.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_replaced_or_removed_while_it_is_read_is_told() {
    for removed in [false, true] {
        let lake = Lake::new();
        // More than is fetched ahead.
        let text = long_text().repeat(4);
        lake.put("a.jsonl", &text).await;
        let spec = lake.source("{path: a.jsonl}", "n: int64");
        let mut source = open(&spec, None, None, 8_192, None).await.unwrap();
        source.next().await.unwrap().unwrap();
        if removed {
            lake.delete("a.jsonl").await;
        } else {
            lake.put("a.jsonl", text.replace("xxxx", "yyyy")).await;
        }
        let error = loop {
            match source.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the read ended as if it had been whole"),
                Err(error) => break error,
            }
        };
        told(&error, "s3.changed", &lake.url("a.jsonl"));
        assert_eq!(error.retry, Retry::Later);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_that_is_replaced_between_listing_and_reading_is_told() {
    let lake = Lake::new();
    lake.put("a.parquet", parquet(0, 100)).await;
    let other = lake.prefix.clone();
    let client = lake.client.clone();
    let replaced = AtomicBool::new(false);
    let runtime = tokio::runtime::Handle::current();
    let url = proxy::start(&server(), move |line| {
        // Behind the listing and the footer, before the first row group.
        if line.contains("a.parquet") && !line.contains("list-type") && !replaced.swap(true, Ordering::SeqCst)
        {
            return Fate::Pass;
        }
        if replaced.load(Ordering::SeqCst) {
            let put = client
                .put_object()
                .bucket(BUCKET)
                .key(format!("{other}/a.parquet"));
            runtime
                .block_on(put.body(parquet(50, 100).into()).send())
                .unwrap();
        }
        Fate::Pass
    });
    // Of a column that lies before the footer's piece, in a file that is longer than that.
    let long: Vec<u8> = parquet(0, 3_000);
    lake.put("a.parquet", long).await;
    let found = rows(
        &lake
            .through(&url)
            .source("{path: a.parquet}", "id: int64; name: utf8"),
    )
    .await;
    told(&found.unwrap_err(), "s3.changed", &lake.url("a.parquet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_that_is_cut_off_or_none_is_told() {
    let lake = Lake::new();
    let whole = parquet(0, 100);
    let mut made_up = whole.clone();
    let at = made_up.len() - 8;
    made_up[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    for bytes in [
        &whole[..whole.len() - 1],
        &whole[..whole.len() / 2],
        b"PAR1",
        b"",
        b"no parquet at all",
        &made_up,
    ] {
        lake.put("a.parquet", bytes).await;
        let error = rows(&lake.source("{path: a.parquet}", "id: int64"))
            .await
            .unwrap_err();
        told(&error, "file.parquet.bad", &lake.url("a.parquet"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parquet_only_the_columns_that_are_read_are_fetched() {
    let lake = Lake::new();
    let bytes = parquet_of(0, 20_000, 5_000);
    lake.put("a.parquet", &bytes).await;
    let fetched = Arc::new(AtomicUsize::new(0));
    let counted = fetched.clone();
    let url = proxy::start_heard(&server(), move |head| {
        let range = head.lines().find_map(|line| line.strip_prefix("range: bytes="));
        if let Some((from, to)) = range.and_then(|range| range.split_once('-')) {
            let bytes = to.trim().parse::<usize>().unwrap() + 1 - from.parse::<usize>().unwrap();
            counted.fetch_add(bytes, Ordering::SeqCst);
        }
        Fate::Pass
    });
    let source = lake.through(&url).source("{path: a.parquet}", "id: int64");
    assert_eq!(rows(&source).await.unwrap().len(), 20_000);
    let fetched = fetched.load(Ordering::SeqCst);
    // The footer's piece, and less than half of the rest.
    assert!(
        fetched > 64 << 10 && fetched < (64 << 10) + bytes.len() / 2,
        "{fetched} of {}",
        bytes.len()
    );
}
