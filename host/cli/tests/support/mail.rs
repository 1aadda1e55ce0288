//! A small mail server, which takes every mail and remembers it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A server of SMTP on a port of this machine, for as long as the test goes on.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<Mail>>>,
}

/// A mail as it was taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mail {
    /// The answer to `AUTH PLAIN`, base64.
    pub(crate) login: String,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// Headers and text, line by line.
    pub(crate) lines: Vec<String>,
}

impl MailServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::<Mutex<Vec<Mail>>>::default();
        let known = taken.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let known = known.clone();
                // A connection that breaks is the client's end of it.
                std::thread::spawn(move || stream.and_then(|stream| serve(&stream, &known)));
            }
        });
        Self { port, taken }
    }

    /// Every mail so far.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.taken.lock().unwrap().clone()
    }
}

/// Speaks RFC 5321, with `AUTH PLAIN` and without TLS.
fn serve(stream: &TcpStream, taken: &Mutex<Vec<Mail>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    let mut mail = Mail::default();
    writer.write_all(b"220 mail.test\r\n")?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let answer = match word.to_ascii_uppercase().as_str() {
            "EHLO" => "250-mail.test\r\n250 AUTH PLAIN",
            "AUTH" => {
                mail.login = rest.trim_start_matches("PLAIN ").into();
                "235 welcome"
            }
            "MAIL" => {
                mail.from = rest.into();
                "250 ok"
            }
            "RCPT" => {
                mail.to.push(rest.to_owned());
                "250 ok"
            }
            "DATA" => {
                writer.write_all(b"354 go on\r\n")?;
                loop {
                    let mut text = String::new();
                    reader.read_line(&mut text)?;
                    let text = text.trim_end_matches(['\r', '\n']);
                    if text == "." {
                        break;
                    }
                    mail.lines.push(text.strip_prefix('.').unwrap_or(text).to_owned());
                }
                taken.lock().unwrap().push(std::mem::take(&mut mail));
                "250 taken"
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => "250 ok",
        };
        writer.write_all(format!("{answer}\r\n").as_bytes())?;
    }
}
