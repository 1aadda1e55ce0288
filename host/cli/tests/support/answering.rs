//! A small HTTP server, which answers as a test tells it to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request, as the server sees it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and parameters.
    pub(crate) target: String,
    /// By their names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

type Answers = dyn Fn(&Asked) -> (u16, String) + Send + Sync;

/// A server on a port of this machine, for as long as the test goes on.
pub(crate) struct Answering {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Answering {
    pub(crate) fn start(answers: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers: Arc<Answers> = Arc::new(answers);
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let known = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, known) = (answers.clone(), known.clone());
                // A connection that breaks is the client's end of it.
                std::thread::spawn(move || stream.and_then(|stream| serve(&stream, &*answers, &known)));
            }
        });
        Self { url, asked }
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, answers: &Answers, known: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers
            .get("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut words = first.split(' ');
        let asked = Asked {
            method: words.next().unwrap().to_owned(),
            target: words.next().unwrap().to_owned(),
            headers,
            body: String::from_utf8(body).unwrap(),
        };
        known.lock().unwrap().push(asked.clone());
        let (status, body) = answers(&asked);
        let mut stream = stream;
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
    }
}
