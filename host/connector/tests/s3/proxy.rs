//! A proxy before the server that sees each request, and lets it through, cuts it off, keeps it waiting or answers itself.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It passes.
    Pass,
    /// The connection ends before the server hears of it.
    CutBefore,
    /// The server does it, and the connection ends before anybody hears of it.
    CutAfter,
    /// Half of the answer comes, and then the connection ends.
    CutInside,
    /// The server never hears of it, and nobody answers.
    Stall,
    /// Half of the answer comes, and then nothing.
    StallInside,
    /// The answer is that the service is busy.
    SlowDown,
    /// The answer is that the session has ended.
    Expired,
    /// The answer is that it was done, and nothing was.
    Agree,
}

/// Decides by the head of a request.
type Judge = dyn Fn(&str) -> Fate + Send + Sync;

/// Starts a proxy before a URL; answers its own. It lives as long as the test. The judge is told the request's line, such
/// as `GET /tests/a.csv HTTP/1.1`.
pub(crate) fn start(server: &str, judge: impl Fn(&str) -> Fate + Send + Sync + 'static) -> String {
    start_heard(server, move |head| judge(head.lines().next().unwrap_or_default()))
}

/// The same; the judge is told the whole head.
pub(crate) fn start_heard(server: &str, judge: impl Fn(&str) -> Fate + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = server.trim_start_matches("http://").to_owned();
    let judge: Arc<Judge> = Arc::new(judge);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (server, judge) = (server.clone(), judge.clone());
            // A connection that ends is no failure of the proxy's.
            thread::spawn(move || serve(client, &server, judge.as_ref()));
        }
    });
    url
}

/// A request or answer: its head, as it came, and its body, framing and all.
struct Message {
    head: Vec<u8>,
    body: Vec<u8>,
}

fn serve(client: TcpStream, server: &str, judge: &Judge) -> io::Result<()> {
    let mut from_client = BufReader::new(client.try_clone()?);
    client.set_nodelay(true)?;
    let mut to_client = client;
    while let Some(request) = message(&mut from_client)? {
        let head = String::from_utf8_lossy(&request.head).into_owned();
        let fate = judge(&head);
        match fate {
            Fate::CutBefore => return Ok(()),
            Fate::Stall => wait_for_ever(),
            Fate::SlowDown => {
                refuse(
                    &mut to_client,
                    "503 Slow Down",
                    "SlowDown",
                    "Please reduce your request rate.",
                )?;
                continue;
            }
            Fate::Expired => {
                refuse(
                    &mut to_client,
                    "400 Bad Request",
                    "ExpiredToken",
                    "The provided token has expired.",
                )?;
                continue;
            }
            Fate::Agree => {
                to_client.write_all(b"HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 0\r\n\r\n")?;
                continue;
            }
            _ => {}
        }
        let mut upstream = TcpStream::connect(server)?;
        upstream.set_nodelay(true)?;
        upstream.write_all(&request.head)?;
        upstream.write_all(&request.body)?;
        let answer = message(&mut BufReader::new(upstream))?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if fate == Fate::CutAfter {
            return Ok(());
        }
        to_client.write_all(&answer.head)?;
        if matches!(fate, Fate::CutInside | Fate::StallInside) {
            to_client.write_all(&answer.body[..answer.body.len() / 2])?;
            if fate == Fate::StallInside {
                wait_for_ever();
            }
            return Ok(());
        }
        to_client.write_all(&answer.body)?;
    }
    Ok(())
}

fn wait_for_ever() -> ! {
    loop {
        thread::park();
    }
}

fn refuse(client: &mut TcpStream, status: &str, code: &str, message: &str) -> io::Result<()> {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n");
    client.write_all(head.as_bytes())?;
    client.write_all(body.as_bytes())
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
