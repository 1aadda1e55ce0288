//! A server that is killed under load and started again: a load is there whole or not at all, and the next attempt ends as
//! one that nobody disturbed; a read tells that it may be taken up, and is, with no row lost, doubled or cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use tidegate_connector::s3::S3Connector;
use tidegate_core::port::{Connector, Cursor, Part, SourceBatch};
use tidegate_core::schema::{Column, Load};
use tidegate_core::{Error, Retry};

use crate::proxy::{self, Fate};
use crate::server::Server;
use crate::support::{Attempt, Lake, asset, columns, commit, lines, open, read};

/// Assets that are loaded at once.
const ASSETS: [&str; 3] = ["orders", "returns", "visits"];
const BATCH_ROWS: i64 = 8_192;
/// Of each of an attempt's two parts; 7.5 MiB, which go up in two requests.
const PART_BATCHES: i64 = 120;

/// A number that does not pack, told by its row (the multiplier of Knuth's MMIX).
fn scattered(row: i64) -> i64 {
    row.wrapping_mul(0x5851_F42D_4C95_7F2D)
}

/// A batch of such numbers, told by its place.
fn batch(number: i64) -> RecordBatch {
    let rows = number * BATCH_ROWS..(number + 1) * BATCH_ROWS;
    let array = Int64Array::from_iter_values(rows.map(scattered));
    RecordBatch::try_new(Column::schema(&columns("n: int64")), vec![Arc::new(array)]).unwrap()
}

/// Loads two parts with a checkpoint between them; answers what was staged at the checkpoint, however it ended.
async fn load(lake: &Lake, asset: &str, epoch: i64, staged: Vec<Part>) -> (Vec<Part>, Result<(), Error>) {
    let mut attempt = Attempt::new(lake, Load::Replace, epoch, "new");
    attempt.asset = asset;
    attempt.staged.clone_from(&staged);
    let mut kept = staged;
    let mut work = async || {
        let mut destination = attempt.begin().await?;
        if kept.is_empty() {
            for number in 0..PART_BATCHES {
                destination.write(batch(number)).await?;
            }
            kept = destination.stage().await?.unwrap_or_default();
        }
        for number in PART_BATCHES..2 * PART_BATCHES {
            destination.write(batch(number)).await?;
        }
        destination.commit(commit()).await?;
        Ok(())
    };
    let ended = work().await;
    (kept, ended)
}

/// Whether an asset holds the old load or the new one; nothing else is allowed.
async fn is_new(lake: &Lake, name: &str) -> bool {
    let spec = S3Connector
        .asset_source(
            &asset(name),
            &lake.destination("{}", Load::Replace),
            &columns("n: int64"),
        )
        .unwrap();
    let batches = read(&spec, None, None, BATCH_ROWS as usize).await.unwrap();
    let numbers = |batch: &SourceBatch| {
        batch
            .batch
            .column(0)
            .as_primitive::<Int64Type>()
            .values()
            .to_vec()
    };
    let found: Vec<i64> = batches.iter().flat_map(numbers).collect();
    let new: Vec<i64> = (0..2 * PART_BATCHES * BATCH_ROWS).map(scattered).collect();
    assert!(
        found == [0, 1, 2] || found == new,
        "{name} has {} rows",
        found.len()
    );
    found == new
}

/// When the server is killed.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// What stands in the request's line.
    request: &'static str,
    /// How long behind its arrival.
    delay_ms: u64,
    /// Whether it is started again at once, while the attempts still ask for it.
    back_at_once: bool,
}

async fn dies_at(server: &Arc<Server>, moment: Moment) {
    let lake = Lake::at(&server.url());
    for asset in ASSETS {
        let mut old = Attempt::new(&lake, Load::Replace, 1, "old");
        old.asset = asset;
        old.load(0..3).await.unwrap();
    }
    let killed = Arc::new(AtomicBool::new(false));
    // The proxy lives as long as the process; the server must not.
    let (once, victim) = (killed.clone(), Arc::downgrade(server));
    let url = proxy::start(&server.url(), move |line| {
        if line.contains(moment.request) && !once.swap(true, Ordering::SeqCst) {
            let victim = victim.clone();
            let end = move || {
                thread::sleep(Duration::from_millis(moment.delay_ms));
                if let Some(server) = victim.upgrade() {
                    server.kill();
                }
            };
            if moment.delay_ms == 0 {
                end();
            } else {
                thread::spawn(end);
            }
        }
        Fate::Pass
    });
    let through = lake.through(&url);
    let loads = async {
        let [first, second, third] = ASSETS.map(|asset| load(&through, asset, 2, Vec::new()));
        let (first, second, third) = tokio::join!(first, second, third);
        [first, second, third]
    };
    let back = async {
        while moment.back_at_once && !server.is_dead() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if moment.back_at_once {
            server.restart().await;
        }
    };
    let (ended, ()) = tokio::join!(loads, back);
    assert!(killed.load(Ordering::SeqCst), "{moment:?} never came");
    if !moment.back_at_once {
        server.restart().await;
    }
    for (asset, (staged, ended)) in ASSETS.iter().zip(ended) {
        let new = is_new(&lake, asset).await;
        match &ended {
            Ok(()) => assert!(new, "{asset} at {moment:?} was committed and is not there"),
            Err(error) => assert_eq!(error.retry, Retry::Later, "{asset} at {moment:?}: {error}"),
        }
        // The next attempt goes on from what the checkpoint kept.
        let (_, again) = load(&lake, asset, 3, staged).await;
        again.unwrap_or_else(|error| panic!("{asset} at {moment:?}: {error}"));
        assert!(is_new(&lake, asset).await, "{asset} at {moment:?}");
        let folder = format!("{asset}/part-");
        let parts = lake
            .objects()
            .await
            .into_iter()
            .filter(|name| name.starts_with(&folder));
        assert_eq!(parts.count(), 2, "{asset} at {moment:?}");
    }
    assert_eq!(lake.uploads().await, 0, "{moment:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_is_whole_or_not_there_when_the_server_dies() {
    let server = Arc::new(Server::start().await);
    for (request, delay_ms, back_at_once) in [
        ("partNumber=1&", 5, false),
        ("partNumber=2&", 0, true),
        // The request that completes an upload has no number of a part.
        ("?uploadId=", 3, false),
        ("_manifest/00000000000000000002.json", 0, false),
        ("_manifest/00000000000000000002.json", 4, true),
    ] {
        let moment = Moment {
            request,
            delay_ms,
            back_at_once,
        };
        dies_at(&server, moment).await;
    }
}

/// Reads until the end or an error; every batch comes with the cursor behind it.
async fn read_on(
    lake: &Lake,
    config: &str,
    cursor: Option<&Cursor>,
    mut each: impl FnMut(usize),
) -> (Vec<String>, Option<Cursor>, Result<(), Error>) {
    let spec = lake.source(config, "id: int64; name: utf8");
    let (mut rows, mut last) = (Vec::new(), cursor.cloned());
    let mut work = async || {
        let mut source = open(&spec, None, cursor, 8_192, None).await?;
        while let Some(batch) = source.next().await? {
            rows.extend(lines(std::slice::from_ref(&batch)));
            last = Some(batch.cursor);
            each(rows.len());
        }
        Ok(())
    };
    let ended = work().await;
    (rows, last, ended)
}

/// More than is fetched ahead.
const READ_ROWS: usize = 200_000;

fn name(id: usize) -> String {
    format!("{id}-{}", "x".repeat(100))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_goes_on_where_the_server_died() {
    let server = Server::start().await;
    let lake = Lake::at(&server.url());
    let line = |id| format!("{{\"id\": {id}, \"name\": \"{}\"}}\n", name(id));
    lake.put("a.jsonl", (0..READ_ROWS).map(line).collect::<String>())
        .await;
    let line = |id| format!("{id},{}\n", name(id));
    let text: String = (0..READ_ROWS).map(line).collect();
    lake.put("a.csv", format!("id,name\n{text}")).await;
    let wanted: Vec<String> = (0..READ_ROWS).map(|id| format!("{id}|{}", name(id))).collect();
    for config in ["{path: a.jsonl}", "{path: a.csv}"] {
        let (before, cursor, ended) = read_on(&lake, config, None, |rows| {
            if rows > 8_192 {
                server.kill();
            }
        })
        .await;
        let error = ended.expect_err("the read ended as if it had been whole");
        assert_eq!(
            (error.code.as_str(), error.retry),
            ("s3.network", Retry::Later),
            "{error}"
        );
        assert!(
            before.len() > 8_192 && before == wanted[..before.len()],
            "{config}"
        );
        // It is dead still: an attempt that begins now says so too.
        let (none, _, ended) = read_on(&lake, config, cursor.as_ref(), |_| ()).await;
        assert_eq!((none.len(), ended.unwrap_err().retry), (0, Retry::Later));
        server.restart().await;
        let (behind, _, ended) = read_on(&lake, config, cursor.as_ref(), |_| ()).await;
        ended.unwrap();
        assert!([before, behind].concat() == wanted, "{config}");
    }
}
