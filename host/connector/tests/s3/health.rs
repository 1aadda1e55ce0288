//! What `tidegate check --connect` asks of a bucket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate_connector::s3::S3Connector;
use tidegate_core::Error;
use tidegate_core::port::{AskHealth, Connector, Health};

use crate::proxy::{self, Fate};
use crate::support::{BUCKET, Lake, SECRET_KEY, server};

async fn check(lake: &Lake, reads: bool, writes: bool) -> Result<Health, Vec<Error>> {
    let ask = AskHealth {
        resource: &lake.resource,
        reads,
        writes,
        silence_ms: 5_000,
    };
    Ok(S3Connector.check_health(ask).await?.unwrap())
}

/// The one error that there is.
async fn refused(lake: &Lake) -> Error {
    let mut errors = check(lake, true, true).await.unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let error = errors.remove(0);
    assert!(error.hint.is_some(), "{error}");
    let all = format!("{error:?}");
    assert!(
        !all.contains(SECRET_KEY) && !all.contains("wrong-secret"),
        "{all}"
    );
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_well_says_so_and_is_left_as_it_was() {
    let lake = Lake::new();
    let found = check(&lake, true, true).await.unwrap();
    let place = format!("s3://{BUCKET}/{}/", lake.prefix);
    assert_eq!(found.about, format!("{place} at {}", server()));
    assert_eq!(found.warnings, [format!("nothing lies below `{place}` yet")]);
    assert_eq!(lake.objects().await, [""; 0]);
    lake.put("a.csv", "id\n1\n").await;
    assert_eq!(check(&lake, true, true).await.unwrap().warnings, [""; 0]);
    assert_eq!(lake.objects().await, ["a.csv"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_destination_is_written_to() {
    let puts = Arc::new(AtomicUsize::new(0));
    let seen = puts.clone();
    let url = proxy::start(&server(), move |line| {
        seen.fetch_add(usize::from(!line.starts_with("GET")), Ordering::SeqCst);
        Fate::Pass
    });
    let lake = Lake::new().through(&url);
    check(&lake, true, false).await.unwrap();
    assert_eq!(puts.load(Ordering::SeqCst), 0);
    check(&lake, false, true).await.unwrap();
    // Two that put, of which one is refused, and one that removes.
    assert_eq!(puts.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_told() {
    let lake = Lake::new();
    let nowhere = format!(
        "http://127.0.0.1:{}",
        std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
    );
    let silent = proxy::start(&server(), |_| Fate::Stall);
    let busy = proxy::start(&server(), |_| Fate::SlowDown);
    // Whose bytes do not come.
    let broken = proxy::start(&server(), |line| {
        if line.contains("a.csv") && line.starts_with("GET") && !line.contains("list-type") {
            Fate::CutBefore
        } else {
            Fate::Pass
        }
    });
    // That takes a put and does nothing.
    let puts = AtomicUsize::new(0);
    let careless = proxy::start(&server(), move |line| {
        let put = line.starts_with("PUT") && puts.fetch_add(1, Ordering::SeqCst) == 1;
        if put { Fate::Agree } else { Fate::Pass }
    });
    lake.put("a.csv", "id\n1\n").await;
    for (lake, code) in [
        (lake.with("secret_key", "wrong-secret"), "s3.login"),
        (lake.with("access_key", "nobody"), "s3.login"),
        (lake.with("bucket", "nowhere-at-all"), "s3.bucket_missing"),
        (lake.through(&nowhere), "s3.network"),
        (lake.through("http://no-such-host.invalid:9000"), "s3.network"),
        (lake.through(&silent).with("timeout", "200ms"), "s3.timeout"),
        (lake.through(&busy), "s3.busy"),
        (lake.through(&broken), "s3.network"),
        (lake.through(&careless), "s3.unconditional"),
    ] {
        let error = refused(&lake).await;
        assert_eq!(error.code, code, "{error}");
    }
    assert_eq!(lake.objects().await, ["a.csv"]);
}
