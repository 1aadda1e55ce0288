//! A real server of HTTP/1.1 on a port of this machine.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `GET /path?query`.
    pub(crate) line: String,
    /// The head, names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let found = self.headers.iter().filter(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).collect()
    }
}

/// What to answer: bytes of a whole answer, each piece after a pause.
pub(crate) type Answer = Vec<(Duration, Vec<u8>)>;

/// An answer with a status, headers and a body.
pub(crate) fn answer(status: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text = format!("{text}{name}: {value}\r\n");
    }
    vec![(Duration::ZERO, format!("{text}\r\n{body}").into_bytes())]
}

/// `200` with a body.
pub(crate) fn ok(body: &str) -> Answer {
    answer("200 OK", &[], body)
}

pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
    /// Connections that were accepted.
    pub(crate) accepted: Arc<AtomicUsize>,
    /// The most requests that were being answered at once.
    pub(crate) most: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers each request by a function of it and its number, from 0.
    pub(crate) async fn start(respond: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, accepted, most) = (Arc::default(), Arc::new(AtomicUsize::new(0)), Arc::default());
        let (served, count) = (Arc::clone(&seen), accepted.clone());
        let (respond, now, peak) = (
            Arc::new(respond),
            Arc::new(AtomicUsize::new(0)),
            Arc::clone(&most),
        );
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (served, respond) = (Arc::clone(&served), respond.clone());
                let (now, peak) = (now.clone(), Arc::clone(&peak));
                tokio::spawn(async move { serve(stream, &served, &*respond, &now, &peak).await });
            }
        });
        Self {
            port,
            seen,
            accepted,
            most,
            task,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<Seen>>,
    respond: &(impl Fn(&Seen, usize) -> Answer + ?Sized),
    now: &AtomicUsize,
    peak: &AtomicUsize,
) {
    let mut buffer = Vec::new();
    while let Some(request) = request(&mut stream, &mut buffer).await {
        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        for (pause, bytes) in respond(&request, number) {
            tokio::time::sleep(pause).await;
            if stream.write_all(&bytes).await.is_err() {
                break;
            }
        }
        now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The next request of a connection. What the client sends has a `content-length` where it has a body.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
    let mut lines = head.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, length)| length.parse().unwrap());
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer.drain(..length).collect();
    Some(Seen { line, headers, body })
}
