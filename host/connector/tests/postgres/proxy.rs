//! A proxy before the server that sees what clients send, and cuts a connection or keeps it waiting where it is told to.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
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

/// A proxy on a port. It lives as long as the test.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    trap: Arc<Trap>,
}

/// Which words, and what becomes of whoever sends them.
struct Trap {
    words: &'static str,
    fate: Fate,
    /// How often they have yet to be sent; at 0 nothing is waited for.
    left: AtomicUsize,
    /// Hears that a connection has met its fate.
    met: Mutex<Box<dyn Fn() + Send>>,
}

impl Proxy {
    /// Starts one before a server. The `nth` time (from 1) that a client sends the words, its connection meets its fate;
    /// no other does. With 0 it waits to be armed.
    pub(crate) fn start(server: u16, words: &'static str, nth: usize, fate: Fate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let trap = Arc::new(Trap {
            words,
            fate,
            left: AtomicUsize::new(nth),
            met: Mutex::new(Box::new(|| ())),
        });
        let set = trap.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let trap = set.clone();
                thread::spawn(move || serve(&client, server, &trap));
            }
        });
        Self { port, trap }
    }

    /// Waits for the words to be sent so often from now on.
    pub(crate) fn arm(&self, nth: usize, met: impl Fn() + Send + 'static) {
        *self.trap.met.lock().unwrap() = Box::new(met);
        self.trap.left.store(nth, Ordering::SeqCst);
    }

    /// Whether a connection has met its fate.
    pub(crate) fn is_done(&self) -> bool {
        self.trap.left.load(Ordering::SeqCst) == 0
    }
}

impl Trap {
    /// Whether this piece is the one that is waited for.
    fn springs(&self, piece: &[u8]) -> bool {
        if self.is_idle()
            || !piece
                .windows(self.words.len())
                .any(|part| part == self.words.as_bytes())
        {
            return false;
        }
        self.left.fetch_sub(1, Ordering::SeqCst) == 1
    }

    fn is_idle(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

fn serve(client: &TcpStream, server: u16, trap: &Trap) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
        return;
    };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let doomed = Arc::new(AtomicBool::new(false));
    let answered = {
        let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let doomed = doomed.clone();
        thread::spawn(move || {
            let mut piece = vec![0; 64 << 10];
            while let Ok(length) = from.read(&mut piece) {
                // The answer to what was doomed is swallowed.
                let over = length == 0 || doomed.load(Ordering::SeqCst);
                if over || to.write_all(&piece[..length]).is_err() {
                    break;
                }
            }
        })
    };
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let mut piece = vec![0; 64 << 10];
    while let Ok(length) = from.read(&mut piece) {
        if length == 0 {
            break;
        }
        let springs = trap.springs(&piece[..length]);
        if springs && trap.fate == Fate::Stall {
            loop {
                thread::park();
            }
        }
        if springs && trap.fate == Fate::CutAfter {
            doomed.store(true, Ordering::SeqCst);
            if to.write_all(&piece[..length]).is_ok() {
                let _ = answered.join();
            }
            (trap.met.lock().unwrap())();
            let _ = client.shutdown(Shutdown::Both);
            return;
        }
        if springs {
            (trap.met.lock().unwrap())();
            break;
        }
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
}
