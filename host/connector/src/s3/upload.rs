//! Writes one object of a size that is not known before: in one request where it is small, else in parts.
//!
//! An encoder writes on a thread that may block; a task sends what is gathered. Memory holds the part that is gathered, one
//! that waits, and those that are on their way, however large the object gets. An object can be seen when the last request
//! is through, whole, or not at all: an upload that fails or that nobody wants any more is aborted.

use std::io::{self, Write};
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::answer::Class;
use super::bucket::Bucket;
use super::error::{Result, S3Error};
use crate::format::{PartSink, carry};

/// Bytes of a part; all but the last have so many, since some services take no others.
const PART_BYTES: usize = 6 << 20;
/// Parts of an object at most, as S3 has it.
const MAX_PARTS: usize = 10_000;
/// Parts on their way at once.
const PARTS_AT_ONCE: usize = 2;

enum Piece {
    Bytes(Bytes),
    End,
}

/// The writing end of an upload.
pub(super) struct UploadSink {
    gathered: Vec<u8>,
    pieces: mpsc::Sender<Piece>,
    /// How the upload ended, until it was told.
    ended: Option<oneshot::Receiver<Result<()>>>,
}

impl UploadSink {
    /// Begins an object; nothing is asked before there are bytes. The task ends when the object is there or nothing is left
    /// of it.
    pub(super) fn start(bucket: Arc<Bucket>, key: String) -> (Self, JoinHandle<()>) {
        let (pieces, receiver) = mpsc::channel(1);
        let (answer, ended) = oneshot::channel();
        let task = tokio::spawn(async move {
            let upload = Upload { bucket, key };
            // Where the writer is gone nobody hears it.
            let _ = answer.send(upload.run(receiver).await);
        });
        let sink = Self {
            gathered: Vec::new(),
            pieces,
            ended: Some(ended),
        };
        (sink, task)
    }

    fn send(&mut self, piece: Piece) -> io::Result<()> {
        if self.pieces.blocking_send(piece).is_ok() {
            return Ok(());
        }
        // The task ends before its time only with an error.
        self.answer()?;
        Err(carry(S3Error::internal("an upload ended before its bytes")))
    }

    fn answer(&mut self) -> io::Result<()> {
        // Encoders that are dropped after an error try to write once more.
        let Some(ended) = self.ended.take() else {
            return Err(carry(S3Error::internal(
                "an upload was written to after it had ended",
            )));
        };
        match ended.blocking_recv() {
            Ok(ended) => ended.map_err(carry),
            Err(_) => Err(carry(S3Error::internal("an upload was lost"))),
        }
    }
}

impl Write for UploadSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gathered.capacity() == 0 {
            self.gathered.reserve_exact(PART_BYTES);
        }
        let taken = bytes.len().min(PART_BYTES - self.gathered.len());
        self.gathered.extend_from_slice(&bytes[..taken]);
        if self.gathered.len() == PART_BYTES {
            let full = std::mem::take(&mut self.gathered);
            self.send(Piece::Bytes(full.into()))?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PartSink for UploadSink {
    fn close(mut self: Box<Self>) -> io::Result<()> {
        let rest = std::mem::take(&mut self.gathered);
        if !rest.is_empty() {
            self.send(Piece::Bytes(rest.into()))?;
        }
        self.send(Piece::End)?;
        self.answer()
    }
}

/// The sending end.
struct Upload {
    bucket: Arc<Bucket>,
    key: String,
}

impl Upload {
    async fn run(self, mut pieces: mpsc::Receiver<Piece>) -> Result<()> {
        let first = match pieces.recv().await {
            Some(Piece::Bytes(bytes)) => bytes,
            Some(Piece::End) => return self.bucket.put(&self.key, Bytes::new()).await,
            None => return Ok(()),
        };
        let second = match pieces.recv().await {
            Some(Piece::Bytes(bytes)) => bytes,
            Some(Piece::End) => return self.bucket.put(&self.key, first).await,
            None => return Ok(()),
        };
        let (client, name) = (self.bucket.client(), self.bucket.name());
        let begun = client
            .create_multipart_upload()
            .bucket(name)
            .key(&self.key)
            .send()
            .await;
        let begun = begun.map_err(|error| self.bucket.failed(&error, &self.key))?;
        let id = begun
            .upload_id()
            .ok_or_else(|| S3Error::internal("an upload has no name"))?
            .to_owned();
        let done = match self.send_parts(&id, [first, second], &mut pieces).await {
            Ok(Some((parts, bytes))) => self.complete(&id, parts, bytes).await,
            Ok(None) => Err(S3Error::internal("nobody wants the upload any more")),
            Err(error) => Err(error),
        };
        if done.is_err() {
            // The next attempt that opens the partition does it where this fails.
            let abort = client.abort_multipart_upload().bucket(name).key(&self.key);
            let _ = abort.upload_id(&id).send().await;
        }
        done
    }

    /// Sends parts as they come; answers them in order, with all their bytes, or none where the writer gave up.
    async fn send_parts(
        &self,
        id: &str,
        first: [Bytes; 2],
        pieces: &mut mpsc::Receiver<Piece>,
    ) -> Result<Option<(Vec<CompletedPart>, u64)>> {
        let mut first = first.into_iter();
        let mut sending = JoinSet::new();
        let (mut parts, mut bytes) = (Vec::new(), 0);
        loop {
            // A part is taken only when it can be sent: until then, the writer waits.
            if sending.len() == PARTS_AT_ONCE {
                parts.extend(sent(&mut sending).await?);
            }
            let piece = match first.next() {
                Some(piece) => piece,
                None => match pieces.recv().await {
                    Some(Piece::Bytes(piece)) => piece,
                    Some(Piece::End) => break,
                    None => return Ok(None),
                },
            };
            let number = parts.len() + sending.len() + 1;
            if number > MAX_PARTS {
                return Err(S3Error::TooLarge {
                    place: self.bucket.url(&self.key),
                    parts: MAX_PARTS,
                    part_bytes: PART_BYTES,
                });
            }
            bytes += piece.len() as u64;
            let (bucket, key, id) = (self.bucket.clone(), self.key.clone(), id.to_owned());
            sending.spawn(async move { send_part(&bucket, &key, &id, number as i32, piece).await });
        }
        while !sending.is_empty() {
            parts.extend(sent(&mut sending).await?);
        }
        parts.sort_by_key(CompletedPart::part_number);
        Ok(Some((parts, bytes)))
    }

    async fn complete(&self, id: &str, parts: Vec<CompletedPart>, bytes: u64) -> Result<()> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self
            .bucket
            .client()
            .complete_multipart_upload()
            .bucket(self.bucket.name());
        let request = request.key(&self.key).upload_id(id).multipart_upload(parts);
        let Err(error) = request.send().await else {
            return Ok(());
        };
        let error = self.bucket.failed(&error, &self.key);
        // Where the answer was lost, the object is there and the upload is not.
        let lost = error.passes()
            || matches!(
                error,
                S3Error::Answer {
                    class: Class::Upload | Class::Key,
                    ..
                }
            );
        if lost
            && let Ok(Some(found)) = self.bucket.find(&self.key).await
            && found.size == bytes
        {
            return Ok(());
        }
        Err(error)
    }
}

async fn sent(sending: &mut JoinSet<Result<CompletedPart>>) -> Result<Option<CompletedPart>> {
    match sending.join_next().await {
        Some(Ok(part)) => part.map(Some),
        Some(Err(error)) => Err(S3Error::internal(error)),
        None => Ok(None),
    }
}

async fn send_part(bucket: &Bucket, key: &str, id: &str, number: i32, bytes: Bytes) -> Result<CompletedPart> {
    let request = bucket.client().upload_part().bucket(bucket.name()).key(key);
    let request = request
        .upload_id(id)
        .part_number(number)
        .body(ByteStream::from(bytes));
    let answer = request.send().await.map_err(|error| bucket.failed(&error, key))?;
    let part = CompletedPart::builder().part_number(number);
    Ok(part.set_e_tag(answer.e_tag().map(str::to_owned)).build())
}

/// Aborts the uploads in parts below a prefix that `is_dead` says nobody works on any more.
pub(super) async fn abort_dead(bucket: &Bucket, prefix: &str, is_dead: impl Fn(&str) -> bool) -> Result<()> {
    let (mut key_marker, mut id_marker) = (None, None);
    loop {
        let request = bucket.client().list_multipart_uploads().bucket(bucket.name());
        let page = request
            .prefix(prefix)
            .set_key_marker(key_marker)
            .set_upload_id_marker(id_marker)
            .send()
            .await
            .map_err(|error| bucket.failed(&error, prefix))?;
        for upload in page.uploads() {
            if let (Some(key), Some(id)) = (upload.key(), upload.upload_id())
                && is_dead(key)
            {
                let abort = bucket.client().abort_multipart_upload().bucket(bucket.name());
                // It may just have ended by itself, and it costs nothing but room.
                let _ = abort.key(key).upload_id(id).send().await;
            }
        }
        if page.is_truncated() != Some(true) || page.next_key_marker().is_none() {
            return Ok(());
        }
        key_marker = page.next_key_marker().map(str::to_owned);
        id_marker = page.next_upload_id_marker().map(str::to_owned);
    }
}
