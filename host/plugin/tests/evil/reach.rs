//! What a guest reaches for and is not granted.

use std::time::Duration;

use serde_json::json;
use tidegate_core::Kind;
use tidegate_core::port::Transform;
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::timeout;

use crate::support::{Host, numbers, works};
use crate::{fails, has, refused};

#[tokio::test]
async fn only_granted_columns_are_there() {
    let host = Host::new();
    let error = fails(&host, &host.evil("ungranted")).await;
    has(&error, "plugin.contract", "asks for column 1, and 1 are granted");
}

#[tokio::test]
async fn environment_and_files_are_not_there() {
    let host = Host::new();
    let mut evil = host.bind_evil(&host.evil("environment")).await.unwrap();
    evil.process(numbers(10), 0).await.unwrap();
}

#[tokio::test]
async fn what_is_not_granted_is_not_written() {
    let host = Host::new();
    let error = refused(&host, &host.evil("shape-ungranted"), "shape").await;
    has(
        &error,
        "plugin.ungranted_column",
        "writes the column `other`, which is not granted",
    );
    assert_eq!(error.kind, Kind::Schema);
    assert_eq!(error.hint.as_deref(), Some("add `other` to `writes` of the step"));
    let error = refused(&host, &host.evil("shape-terminal"), "shape").await;
    assert_eq!(error.code, "plugin.ungranted_column");
    let hint = error.hint.unwrap_or_default();
    assert!(
        hint.len() < 5_000 && !hint.chars().any(char::is_control),
        "{hint:?}"
    );
}

#[tokio::test]
async fn sockets_are_not_there() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).await.unwrap();
    let host = Host::new();
    let step = host.step(
        "guest-socket",
        json!({"address": address.to_string()}),
        &["n"],
        &["made"],
    );
    let error = host.bind(&step, &numbers(1).schema()).await.err().unwrap();
    has(&error, "plugin.link", "guest-socket.wasm` cannot be linked: ");
    has(&error, "plugin.link", "`wasi:sockets/");
    assert_eq!(error.kind, Kind::Plugin);
    assert!(
        error.hint.as_deref().unwrap().contains("a plugin has no sockets"),
        "{error}"
    );
    // Nobody came, by either way.
    let soon = Duration::from_millis(100);
    assert!(timeout(soon, tcp.accept()).await.is_err());
    assert!(timeout(soon, udp.recv_from(&mut [0])).await.is_err());
    works(&mut host.bind_good().await).await;
}
