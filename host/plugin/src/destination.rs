//! A plugin as a destination.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use tidegate_core::plan::{AssetName, Digest, Epoch, LoadToken, PartitionKey};
use tidegate_core::port::{Commit, Destination, LoadReceipt, Part};
use tidegate_core::schema::Load;
use tidegate_core::{Error, Kind};
use wasmtime::component::ResourceAny;

use crate::error::Fault;
use crate::instance::{Instance, Opening, config_text, open};
use crate::limits::{MAX_CURSOR_BYTES, MAX_MESSAGE_BYTES, cut};
use crate::log::printable;
use crate::retries::Retries;
use crate::v0_1::{self, DestinationPlugin, destination as wit};

/// What a destination plugin is to write.
pub struct LoadRequest<'a> {
    /// The plugin's config, secrets filled in.
    pub config: &'a Value,
    /// For which asset.
    pub asset: &'a AssetName,
    /// For which slice.
    pub partition: &'a PartitionKey,
    /// How it meets what lies there.
    pub load: Load,
    /// The columns of every batch.
    pub schema: SchemaRef,
    /// The columns that name a row.
    pub key: Vec<String>,
    /// Names the load.
    pub token: &'a LoadToken,
    /// What an earlier attempt of the same load staged.
    pub staged: &'a [Part],
    /// The attempt's fence.
    pub epoch: Epoch,
    /// Rows of every batch written, the last one's excepted.
    pub batch_rows: usize,
}

/// Asks a destination plugin whether a config is right, and the other side can be reached with it.
pub async fn check_destination(opening: Opening<'_>, config: &Value) -> Result<(), Error> {
    let mut instance = open::<DestinationPlugin>(opening).await?;
    let config = config_text(config);
    let answer = instance
        .call(async |store, plugin| {
            plugin
                .tidegate_plugin_destination()
                .call_check(store, &config)
                .await
        })
        .await;
    answer.map_err(|fault| fault.at(&instance.name, "check", None))
}

/// A destination plugin that takes a load. Calls that fail for now are made again, a few times.
///
/// Rows are cut into batches anew, so that a batch's token, made of the load's and of the rows' place in the load, names
/// the same rows however they reached the destination.
pub struct PluginDestination {
    instance: Instance<DestinationPlugin>,
    writer: ResourceAny,
    token: LoadToken,
    schema: SchemaRef,
    batch_rows: usize,
    /// Rows that wait for enough of them.
    held: VecDeque<RecordBatch>,
    held_rows: usize,
    /// Rows that the guest was given, in earlier attempts too.
    written_rows: u64,
    writes: u64,
    /// Whether the other side cannot hold back what it was given: nothing is staged then.
    shows_at_once: bool,
}

impl PluginDestination {
    /// Opens a writer.
    pub async fn open(opening: Opening<'_>, request: LoadRequest<'_>) -> Result<Self, Error> {
        let staged = request.staged.last();
        let state = staged.map(decode_state).transpose()?;
        let mut instance = open::<DestinationPlugin>(opening).await?;
        let name = instance.name.clone();
        let wanted = wit::Request {
            config: config_text(request.config),
            asset: request.asset.to_string(),
            partition: request.partition.0.clone(),
            mode: mode(request.load, request.partition),
            schema: v0_1::lower_schema(&request.schema)
                .map_err(|why| Fault::Schema(why).at(&name, "open", None))?,
            key: request.key,
            token: request.token.0.clone(),
            staged: state,
            epoch: request.epoch.0.max(0).unsigned_abs(),
        };
        let mut retries = Retries::default();
        let writer = loop {
            let answer = instance
                .call(async |store, plugin| {
                    plugin
                        .tidegate_plugin_destination()
                        .writer()
                        .call_open(store, &wanted)
                        .await
                })
                .await;
            match answer {
                Ok(writer) => break writer,
                Err(fault) => retries
                    .wait(fault)
                    .await
                    .map_err(|fault| fault.at(&name, "open", None))?,
            }
        };
        Ok(Self {
            instance,
            writer,
            token: request.token.clone(),
            schema: request.schema,
            batch_rows: request.batch_rows.max(1),
            held: VecDeque::new(),
            held_rows: 0,
            written_rows: staged.map_or(0, |part| part.rows),
            writes: 0,
            shows_at_once: false,
        })
    }

    /// Takes so many of the rows that wait.
    fn cut(&mut self, rows: usize) -> Result<RecordBatch, Fault> {
        let mut taken = Vec::new();
        let mut left = rows;
        while left > 0 {
            let Some(batch) = self.held.pop_front() else { break };
            if batch.num_rows() > left {
                self.held.push_front(batch.slice(left, batch.num_rows() - left));
                taken.push(batch.slice(0, left));
                left = 0;
            } else {
                left -= batch.num_rows();
                taken.push(batch);
            }
        }
        self.held_rows -= rows;
        match taken.len() {
            1 => Ok(taken.remove(0)),
            _ => concat_batches(&self.schema, &taken).map_err(|error| Fault::Host(error.to_string())),
        }
    }

    async fn write_rows(&mut self, rows: usize) -> Result<(), Fault> {
        let batch = self.cut(rows)?;
        let token = format!("{}-{}-{rows}", self.token.0, self.written_rows);
        let writer = self.writer;
        let mut retries = Retries::default();
        loop {
            let answer = self
                .instance
                .call_with_batch(batch.clone(), async |store, plugin, batch| {
                    plugin
                        .tidegate_plugin_destination()
                        .writer()
                        .call_write(store, writer, batch, &token)
                        .await
                })
                .await;
            match answer {
                Ok(()) => break,
                Err(fault) => retries.wait(fault).await?,
            }
        }
        self.written_rows += rows as u64;
        self.writes += 1;
        Ok(())
    }

    async fn write_rest(&mut self) -> Result<(), Fault> {
        match self.held_rows {
            0 => Ok(()),
            rows => self.write_rows(rows).await,
        }
    }

    async fn guest_stage(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let writer = self.writer;
        let mut retries = Retries::default();
        let state = loop {
            let answer = self
                .instance
                .call(async |store, plugin| {
                    plugin
                        .tidegate_plugin_destination()
                        .writer()
                        .call_stage(store, writer)
                        .await
                })
                .await;
            match answer {
                Ok(state) => break state,
                Err(fault) => retries.wait(fault).await?,
            }
        };
        match state {
            Some(state) if state.len() > MAX_CURSOR_BYTES => Err(Fault::Contract(format!(
                "what it staged is told in {} bytes; {MAX_CURSOR_BYTES} are allowed",
                state.len()
            ))),
            state => Ok(state),
        }
    }

    async fn stage_all(&mut self) -> Result<Option<Part>, Fault> {
        if self.shows_at_once {
            return Ok(None);
        }
        let Some(mut state) = self.guest_stage().await? else {
            self.shows_at_once = true;
            return Ok(None);
        };
        if self.held_rows > 0 {
            self.write_rest().await?;
            state = self.guest_stage().await?.ok_or_else(|| {
                Fault::Contract("it staged what was written, and then said that it cannot".into())
            })?;
        }
        Ok(Some(Part {
            name: BASE64.encode(&state),
            rows: self.written_rows,
            bytes: 0,
            sha256: Digest::of(&state).hex().to_owned(),
        }))
    }

    async fn commit_all(&mut self) -> Result<LoadReceipt, Fault> {
        self.write_rest().await?;
        let writer = self.writer;
        let mut retries = Retries::default();
        let receipt = loop {
            let answer = self
                .instance
                .call(async |store, plugin| {
                    plugin
                        .tidegate_plugin_destination()
                        .writer()
                        .call_commit(store, writer)
                        .await
                })
                .await;
            match answer {
                Ok(receipt) => break receipt,
                Err(fault) => retries.wait(fault).await?,
            }
        };
        if receipt.row_count != self.written_rows {
            return Err(Fault::Contract(format!(
                "its receipt says {} rows, and it was given {}",
                receipt.row_count, self.written_rows
            )));
        }
        let location = self.instance.store.data().redact(receipt.location);
        Ok(LoadReceipt {
            rows: receipt.row_count,
            bytes: receipt.byte_count.unwrap_or(0),
            parts: self.writes,
            location: printable(&cut(location, MAX_MESSAGE_BYTES)),
            repeated: false,
        })
    }

    fn at(&self, fault: &Fault, call: &str, batch: Option<u64>) -> Error {
        fault.at(&self.instance.name, call, batch)
    }
}

fn mode(load: Load, partition: &PartitionKey) -> wit::LoadMode {
    match load {
        Load::Append => wit::LoadMode::Append,
        Load::Upsert => wit::LoadMode::Upsert,
        Load::Replace if partition.is_whole() => wit::LoadMode::Replace,
        Load::Replace | Load::ReplacePartition => wit::LoadMode::ReplacePartition,
    }
}

/// What a guest staged, out of the part that carries it.
fn decode_state(part: &Part) -> Result<Vec<u8>, Error> {
    let state = BASE64.decode(&part.name).ok();
    state
        .filter(|state| Digest::of(state).hex() == part.sha256)
        .ok_or_else(|| {
            Error::new(
                Kind::State,
                "plugin.staged",
                "what the checkpoint says was staged is not of a plugin, or is damaged",
            )
            .hint("start a new run")
        })
}

#[async_trait]
impl Destination for PluginDestination {
    async fn write(&mut self, batch: RecordBatch) -> Result<(), Error> {
        self.held_rows += batch.num_rows();
        if batch.num_rows() > 0 {
            self.held.push_back(batch);
        }
        while self.held_rows >= self.batch_rows {
            let sequence = self.writes;
            self.write_rows(self.batch_rows)
                .await
                .map_err(|fault| self.at(&fault, "write", Some(sequence)))?;
        }
        Ok(())
    }

    async fn stage(&mut self) -> Result<Option<Vec<Part>>, Error> {
        let staged = self.stage_all().await;
        staged
            .map(|part| part.map(|part| vec![part]))
            .map_err(|fault| self.at(&fault, "stage", None))
    }

    async fn commit(mut self: Box<Self>, _: Commit) -> Result<LoadReceipt, Error> {
        let receipt = self.commit_all().await;
        receipt.map_err(|fault| self.at(&fault, "commit", None))
    }

    async fn abort(mut self: Box<Self>) -> Result<(), Error> {
        let writer = self.writer;
        let answer = self
            .instance
            .call(async |store, plugin| {
                plugin
                    .tidegate_plugin_destination()
                    .writer()
                    .call_abort(store, writer)
                    .await
            })
            .await;
        answer.map_err(|fault| self.at(&fault, "abort", None))
    }
}
