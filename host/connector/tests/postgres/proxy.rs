//! A proxy before the server that sees what clients send, and cuts a connection or keeps it waiting where it is told to.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What becomes of a connection once its client has sent the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It ends before the server hears them.
    CutBefore,
    /// The server does it, and the connection ends before anybody hears of it.
    CutAfter,
    /// The server never hears them, and nobody answers.
    Stall,
}

/// A proxy on a port.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    met: Arc<AtomicUsize>,
}

impl Proxy {
    /// Starts one before a server. The `nth` time (from 1) that a client sends the words, its connection meets its fate;
    /// no other does.
    pub(crate) fn start(server: u16, words: &'static str, nth: usize, fate: Fate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let met = Arc::new(AtomicUsize::new(0));
        let counted = met.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let met = counted.clone();
                thread::spawn(move || serve(&client, server, words.as_bytes(), nth, fate, &met));
            }
        });
        Self { port, met }
    }

    /// How often the words were sent.
    pub(crate) fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }
}

fn serve(client: &TcpStream, server: u16, words: &[u8], nth: usize, fate: Fate, met: &AtomicUsize) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
        return;
    };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let deaf = Arc::new(AtomicUsize::new(0));
    let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let silenced = deaf.clone();
    let back = thread::spawn(move || {
        let mut piece = [0; 64 << 10];
        while let Ok(length) = from.read(&mut piece) {
            if length == 0 || silenced.load(Ordering::SeqCst) > 0 {
                break;
            }
            if to.write_all(&piece[..length]).is_err() {
                break;
            }
        }
        // After the fate, the answer is swallowed and the connection ends.
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let mut piece = [0; 64 << 10];
    while let Ok(length) = from.read(&mut piece) {
        if length == 0 {
            break;
        }
        let heard = memchr::memmem::find(&piece[..length], words).is_some();
        if heard && met.fetch_add(1, Ordering::SeqCst) + 1 == nth {
            match fate {
                Fate::CutBefore => break,
                Fate::CutAfter => deaf.store(1, Ordering::SeqCst),
                Fate::Stall => loop {
                    thread::park();
                },
            }
        }
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    if deaf.load(Ordering::SeqCst) == 0 {
        let _ = server.shutdown(Shutdown::Both);
        let _ = client.shutdown(Shutdown::Both);
    }
    let _ = back.join();
}
