//! A way to a server that can be cut, and mended again.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use url::Url;

/// Passes bytes on to a server while it is whole. Cut, it ends every connection and takes no other.
pub(crate) struct Relay {
    port: u16,
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Relay {
    /// A way to the server of an address.
    pub(crate) fn to(address: &str) -> Self {
        let url = Url::parse(address).unwrap();
        let server = (url.host_str().unwrap().to_owned(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = Arc::new(Mutex::new(Some(Vec::new())));
        let held = open.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let mut held = held.lock().unwrap();
                let Some(streams) = held.as_mut() else { continue };
                let server = TcpStream::connect((server.0.as_str(), server.1)).unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let _ = copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                streams.extend([client, server]);
            }
        });
        Self { port, open }
    }

    /// The address of the same, by this way.
    pub(crate) fn address(&self, address: &str) -> String {
        let mut url = Url::parse(address).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.into()
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
