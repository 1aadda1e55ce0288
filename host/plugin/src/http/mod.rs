//! HTTP for guests: `wasi:http/outgoing-handler`, through a gate.
//!
//! A guest's request reaches [`Gate`], which finds the grant that speaks for it ([`admit`]), puts in what the schema says
//! the host puts in, and hands it to an [`exchange`]: paced ([`pace`]), sent over pooled connections to checked addresses
//! ([`client`], [`connect`], [`address`]), repeated where that may help ([`retry`]), its reply counted ([`reply`]). Time
//! that the guest waits for it is not charged to its call ([`waits`]).

mod address;
mod admit;
mod client;
mod connect;
mod exchange;
mod fetch;
mod gate;
mod granted;
mod journal;
mod pace;
mod reply;
mod retry;
mod waits;

pub(crate) use client::Client;
pub use fetch::{Ask, Fetched, ask, fetch};
pub(crate) use gate::Gate;
pub use granted::secret_forms;
pub(crate) use waits::Waits;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::Error as HttpError;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, IoError};

use crate::sandbox::Sandbox;

/// The interface whose function is replaced below, as wasmtime-wasi-http names it.
const TYPES: &str = "wasi:http/types@0.2.12";

/// Links `wasi:http` of WASI 0.2 for every guest: one without a grant may import it, and is refused when it asks.
pub(crate) fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    // wasmtime-wasi-http 48 looks for another type than its bodies fail with, and answers none.
    linker.allow_shadowing(true);
    linker.instance(TYPES)?.func_wrap(
        "http-error-code",
        |store: StoreContextMut<'_, Sandbox>, (error,): (Resource<IoError>,)| {
            let error = store.data().table.get(&error)?;
            Ok((error.downcast_ref().and_then(code),))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What a guest is told of a body that failed.
fn code(error: &HttpError) -> Option<ErrorCode> {
    Some(match error {
        HttpError::HttpResponseBodySize(allowed) => ErrorCode::HttpResponseBodySize(*allowed),
        HttpError::HttpResponseTimeout => ErrorCode::HttpResponseTimeout,
        HttpError::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        _ => return None,
    })
}
