//! A proxy before the engine that sees each statement, and lets it through, cuts it off or keeps it waiting.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It passes.
    Pass,
    /// The connection ends before the engine hears of it.
    CutBefore,
    /// The engine gets half of what is inserted.
    CutInside,
    /// The engine does it, and the connection ends before anybody hears of it.
    CutAfter,
    /// The engine never hears of it, and nobody answers.
    Stall,
}

/// Decides by the statement; for an insert that is what stands before the rows.
type Judge = dyn Fn(&str) -> Fate + Send + Sync;

/// Hears that a request met its fate.
type Met = dyn Fn() + Send + Sync;

/// Starts a proxy before `host:port`; answers its URL. It lives as long as the test.
pub(crate) fn start(engine: &str, judge: impl Fn(&str) -> Fate + Send + Sync + 'static) -> String {
    start_told(engine, judge, || ())
}

/// The same; `met` is called when a request has met its fate and the connection is about to end.
pub(crate) fn start_told(
    engine: &str,
    judge: impl Fn(&str) -> Fate + Send + Sync + 'static,
    met: impl Fn() + Send + Sync + 'static,
) -> String {
    let met: Arc<Met> = Arc::new(met);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let engine = engine.trim_start_matches("http://").to_owned();
    let judge: Arc<Judge> = Arc::new(judge);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (engine, judge, met) = (engine.clone(), judge.clone(), met.clone());
            // A connection that ends is no failure of the proxy's.
            thread::spawn(move || serve(client, &engine, judge.as_ref(), met.as_ref()));
        }
    });
    url
}

/// A request or answer: its head, as it came, and its body, framing and all.
struct Message {
    head: Vec<u8>,
    body: Vec<u8>,
}

fn serve(client: TcpStream, engine: &str, judge: &Judge, met: &Met) -> io::Result<()> {
    let mut from_client = BufReader::new(client.try_clone()?);
    client.set_nodelay(true)?;
    let mut to_client = client;
    while let Some(request) = message(&mut from_client)? {
        let fate = judge(&statement(&request));
        match fate {
            Fate::CutBefore => {
                met();
                return Ok(());
            }
            Fate::Stall => loop {
                thread::park();
            },
            Fate::Pass | Fate::CutInside | Fate::CutAfter => {}
        }
        let mut upstream = TcpStream::connect(engine)?;
        upstream.set_nodelay(true)?;
        upstream.write_all(&request.head)?;
        if fate == Fate::CutInside {
            upstream.write_all(&request.body[..request.body.len() / 2])?;
            met();
            return Ok(());
        }
        upstream.write_all(&request.body)?;
        let answer = message(&mut BufReader::new(upstream))?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if fate == Fate::CutAfter {
            met();
            return Ok(());
        }
        to_client.write_all(&answer.head)?;
        to_client.write_all(&answer.body)?;
    }
    Ok(())
}

fn message(from: &mut BufReader<TcpStream>) -> io::Result<Option<Message>> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        if from.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
        if head[before..] == *b"\r\n" {
            break;
        }
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let header = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(|value| value.trim().to_owned())
    };
    let mut body = Vec::new();
    if header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        loop {
            let start = body.len();
            from.read_until(b'\n', &mut body)?;
            let size = String::from_utf8_lossy(&body[start..]).trim().to_owned();
            let size = usize::from_str_radix(&size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
            let chunk = body.len();
            body.resize(chunk + size + 2, 0);
            from.read_exact(&mut body[chunk..])?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = header("content-length") {
        body.resize(length.parse().map_err(|_| io::ErrorKind::InvalidData)?, 0);
        from.read_exact(&mut body)?;
    }
    Ok(Some(Message { head, body }))
}

/// The statement of a request: in its URL where rows are the body, else the body.
fn statement(request: &Message) -> String {
    let head = String::from_utf8_lossy(&request.head);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let url = url::Url::parse("http://proxy")
        .and_then(|base| base.join(path))
        .unwrap();
    let query = url.query_pairs().find(|(name, _)| name == "query");
    match query {
        Some((_, query)) => query.into_owned(),
        None => String::from_utf8_lossy(&request.body).into_owned(),
    }
}
