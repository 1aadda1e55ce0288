//! A way to a server that can be cut, and mended again, and that tells of commits.

use std::io::{Read, Write, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use url::Url;

/// How a transaction is committed, in Postgres's protocol: the text of a simple query, and the zero that ends it.
const COMMIT: &[u8] = b"COMMIT\0";

/// Passes bytes on to a server while it is whole. Cut, it ends every connection and takes no other.
pub(crate) struct Relay {
    port: u16,
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
    watch: Arc<Mutex<Option<Watch>>>,
}

/// Where in a commit something is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// The server does not hear of it.
    Before,
    /// The client does not hear of it.
    After,
}

/// What is done at a commit.
struct Watch {
    left: usize,
    moment: Moment,
    act: Box<dyn FnOnce() + Send>,
}

impl Relay {
    /// A way to the server of an address.
    pub(crate) fn to(address: &str) -> Self {
        let url = Url::parse(address).unwrap();
        let server = (url.host_str().unwrap().to_owned(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = Arc::new(Mutex::new(Some(Vec::new())));
        let watch = Arc::new(Mutex::new(None));
        let (held, watched) = (open.clone(), watch.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let mut held = held.lock().unwrap();
                let Some(streams) = held.as_mut() else { continue };
                // One that is down refuses; its client is refused in turn.
                let Ok(server) = TcpStream::connect((server.0.as_str(), server.1)) else {
                    continue;
                };
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let watch = watched.clone();
                std::thread::spawn(move || {
                    let _ = pass(&mut from, &mut to, &watch);
                    let _ = to.shutdown(Shutdown::Both);
                });
                let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
                streams.extend([client, server]);
            }
        });
        Self { port, open, watch }
    }

    /// The address of the same, by this way.
    pub(crate) fn address(&self, address: &str) -> String {
        let mut url = Url::parse(address).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.into()
    }

    /// Does something once, at the commit of that number from now on.
    pub(crate) fn at_commit(&self, number: usize, moment: Moment, act: impl FnOnce() + Send + 'static) {
        *self.watch.lock().unwrap() = Some(Watch {
            left: number,
            moment,
            act: Box::new(act),
        });
    }

    /// Ends every connection, and takes no other.
    pub(crate) fn cut(&self) {
        for stream in self.open.lock().unwrap().take().into_iter().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Takes connections again.
    pub(crate) fn mend(&self) {
        *self.open.lock().unwrap() = Some(Vec::new());
    }
}

/// Passes a client's bytes on until it ends. A client waits for the answer to a commit, so that one is never divided.
fn pass(from: &mut TcpStream, to: &mut TcpStream, watch: &Mutex<Option<Watch>>) -> std::io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = from.read(&mut buffer)?;
        let bytes = &buffer[..length];
        if bytes.is_empty() {
            return Ok(());
        }
        let commits = bytes.windows(COMMIT.len()).any(|window| window == COMMIT);
        match commits.then(|| due(watch)).flatten() {
            Some(watch) => match watch.moment {
                Moment::Before => {
                    (watch.act)();
                    return Ok(());
                }
                Moment::After => {
                    to.write_all(bytes)?;
                    (watch.act)();
                }
            },
            None => to.write_all(bytes)?,
        }
    }
}

/// Counts a commit; answers what is to be done at it.
fn due(watch: &Mutex<Option<Watch>>) -> Option<Watch> {
    let mut held = watch.lock().unwrap();
    let watch = held.as_mut()?;
    watch.left -= 1;
    if watch.left == 0 { held.take() } else { None }
}
