//! The body of an answer: counted, and read in time.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tidegate_core::port::LogLevel;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};
use wasmtime_wasi_http::Error as HttpError;

use super::journal::Journal;

/// The connection's end of a body, where the exchange can take it back.
type Held = Arc<Mutex<Option<Incoming>>>;

/// What the guest reads an answer's body from.
pub(super) struct Reply {
    held: Held,
    left_bytes: u64,
    allowed_bytes: u64,
    deadline: Pin<Box<Sleep>>,
    done: Option<oneshot::Sender<()>>,
    journal: Arc<Journal>,
    shown: String,
}

/// What the exchange keeps of a body that the guest reads.
pub(super) struct Reading {
    held: Held,
    deadline: Instant,
    done: oneshot::Receiver<()>,
}

/// A body for the guest, and what the exchange keeps of it. `shown` is what lines call the request.
pub(super) fn reply(
    body: Incoming,
    allowed_bytes: u64,
    deadline: Instant,
    journal: Arc<Journal>,
    shown: String,
) -> (Reply, Reading) {
    let held: Held = Arc::new(Mutex::new(Some(body)));
    let (sender, done) = oneshot::channel();
    let reply = Reply {
        held: held.clone(),
        left_bytes: allowed_bytes,
        allowed_bytes,
        deadline: Box::pin(sleep_until(deadline)),
        done: Some(sender),
        journal,
        shown,
    };
    (reply, Reading { held, deadline, done })
}

impl Reading {
    /// Waits until the body was read, or its time is over; a guest that leaves it unread does not keep the connection.
    pub(super) async fn end(self) {
        let _ = tokio::time::timeout_at(self.deadline, self.done).await;
        take(&self.held);
    }
}

fn take(held: &Held) {
    held.lock().unwrap_or_else(PoisonError::into_inner).take();
}

impl Reply {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(body) = held.as_mut() else {
            return Poll::Ready(Some(Err(HttpError::HttpResponseTimeout)));
        };
        let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else {
            ready!(self.deadline.as_mut().poll(cx));
            return Poll::Ready(Some(Err(HttpError::HttpResponseTimeout)));
        };
        Poll::Ready(match frame {
            None => None,
            Some(Err(_)) => Some(Err(HttpError::HttpResponseIncomplete)),
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                match self.left_bytes.checked_sub(bytes) {
                    Some(left) => {
                        self.left_bytes = left;
                        Some(Ok(frame))
                    }
                    None => Some(Err(HttpError::HttpResponseBodySize(Some(self.allowed_bytes)))),
                }
            }
        })
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        if this.done.is_none() {
            return Poll::Ready(None);
        }
        let frame = ready!(this.poll(cx));
        if !matches!(frame, Some(Ok(_))) {
            this.done = None;
            take(&this.held);
            if let Some(Err(error)) = &frame {
                this.journal
                    .line(LogLevel::Warn, format!("`{}`: {error}", this.shown));
            }
        }
        Poll::Ready(frame)
    }
}
