//! Reaches for an address past the host's gate: over TCP, over UDP, by a name, and as a server. Tells in `made`, a utf8
//! column, what of it worked.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use tidegate_sdk::prelude::*;

/// What to reach for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Such as `127.0.0.1:80`.
    address: String,
}

struct Reaching(Config);

impl Reaching {
    fn reached(&self) -> String {
        let address = self.0.address.as_str();
        let tcp = TcpStream::connect(address).map(|_| "tcp");
        let udp = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", address));
        let name = "localhost:80".to_socket_addrs().map(|_| "name");
        let server = TcpListener::bind("127.0.0.1:0").map(|_| "server");
        format!("{tcp:?} {udp:?} {name:?} {server:?}")
    }
}

impl Transform for Reaching {
    type Config = Config;

    fn bind(config: Config, _: &Input) -> Result<Self, Fault> {
        Ok(Self(config))
    }

    fn shape(&self) -> Shape {
        Shape::beside([made("made", DataType::Utf8)])
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let told = self.reached();
        let made = StringArray::from_iter_values((0..batch.rows()).map(|_| told.as_str()));
        Ok(Output::all([made]).into())
    }
}

tidegate_sdk::export_transform!(Reaching);
