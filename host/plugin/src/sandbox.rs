//! One instance's surroundings: what it may reach, what it used, what it said.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate_core::port::{LogLevel, LogLine, LogSink};
use wasmtime::component::{Linker, ResourceTable, ResourceTableError};
use wasmtime::{Engine, PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};
use wasmtime_wasi::p2::bindings::{cli, filesystem, random};
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::error::Fault;
use crate::http::Gate;
use crate::limits::{
    Limiter, MAX_HANDLES, MAX_LOG_LINE_BYTES, MAX_LOG_LINES_PER_CALL, MAX_RANDOM_BYTES, YIELD_EVERY_MS, cut,
};
use crate::log::printable;
use crate::output::{GuestOutput, last_words};
use crate::secrets::Secrets;
use crate::surroundings::Surroundings;
use crate::wait::wait_within;

/// What a store holds beside the guest.
pub(crate) struct Sandbox {
    pub(crate) table: ResourceTable,
    limiter: Limiter,
    wasi: WasiCtx,
    wasi_http: WasiHttpCtx,
    log: CallLog,
    /// How often the guest gave way in this call; how long it ran, counted so.
    yields: Arc<AtomicU64>,
    time_per_call_ms: u64,
    output_bytes: u64,
    stdout: GuestOutput,
    stderr: GuestOutput,
    /// Where its requests go through.
    http: Gate,
    /// Whether a call ended in the middle of the guest, which cannot be entered again.
    dead: bool,
}

/// The guest's lines in this call.
struct CallLog {
    sink: Arc<dyn LogSink>,
    step: String,
    secrets: Secrets,
    lines: u64,
}

/// What a guest did against the contract inside a call of its own to the host.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Breach(pub(crate) String);

impl WasiView for Sandbox {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Sandbox {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.http,
            table: &mut self.table,
            ctx: &mut self.wasi_http,
        }
    }
}

/// The parts of WASI that the Rust standard library and the SDKs need. No sockets; files and environment are empty.
pub(crate) fn link_wasi(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
    use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
    use wasmtime_wasi::random::{WasiRandom, WasiRandomView as _};
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    random::insecure::add_to_linker::<Sandbox, WasiRandom>(linker, Sandbox::random)?;
    random::insecure_seed::add_to_linker::<Sandbox, WasiRandom>(linker, Sandbox::random)?;
    cli::environment::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    cli::exit::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    cli::terminal_input::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    cli::terminal_output::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    cli::terminal_stdin::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    cli::terminal_stdout::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    cli::terminal_stderr::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    filesystem::preopens::add_to_linker::<Sandbox, WasiFilesystem>(linker, Sandbox::filesystem)?;
    filesystem::types::add_to_linker::<Sandbox, WasiFilesystem>(linker, Sandbox::filesystem)
}

/// What a sandbox is made with.
pub(crate) struct SandboxConfig {
    pub(crate) step: String,
    pub(crate) memory_bytes: u64,
    pub(crate) time_per_call_ms: u64,
    pub(crate) output_bytes: u64,
    pub(crate) log: Arc<dyn LogSink>,
    pub(crate) secrets: Secrets,
    pub(crate) http: Gate,
    pub(crate) surroundings: Surroundings,
}

/// A store with a sandbox in it, its limits armed.
pub(crate) fn store(engine: &Engine, config: SandboxConfig) -> Store<Sandbox> {
    let (stdout, stderr) = (GuestOutput::default(), GuestOutput::default());
    let mut wasi = WasiCtx::builder();
    wasi.stdout(stdout.clone())
        .stderr(stderr.clone())
        .max_random_size(MAX_RANDOM_BYTES);
    config.surroundings.set(&mut wasi);
    let wasi = wasi.build();
    let yields = Arc::new(AtomicU64::new(0));
    let mut table = ResourceTable::new();
    table.set_max_capacity(MAX_HANDLES);
    let sandbox = Sandbox {
        table,
        limiter: Limiter::new(config.memory_bytes),
        wasi,
        wasi_http: WasiHttpCtx::new(),
        log: CallLog {
            sink: config.log,
            step: config.step,
            secrets: config.secrets,
            lines: 0,
        },
        yields: yields.clone(),
        time_per_call_ms: config.time_per_call_ms,
        output_bytes: config.output_bytes,
        stdout,
        stderr,
        http: config.http,
        dead: false,
    };
    let mut store = Store::new(engine, sandbox);
    store.limiter(|sandbox| &mut sandbox.limiter);
    store.set_hostcall_fuel(usize::try_from(config.output_bytes).unwrap_or(usize::MAX));
    let allowed_yields = config.time_per_call_ms.div_ceil(YIELD_EVERY_MS);
    store.epoch_deadline_callback(move |_| {
        // The callback alone counts, and `call` alone resets, with the guest between them.
        if yields.fetch_add(1, Ordering::Relaxed) >= allowed_yields {
            return Ok(UpdateDeadline::Interrupt);
        }
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

impl Sandbox {
    /// What the config, made text again, calls a secret is not shown in messages of the guest either.
    pub(crate) fn redact(&self, text: String) -> String {
        self.log.secrets.redact(text)
    }

    /// What one call may return.
    pub(crate) fn output_bytes(&self) -> u64 {
        self.output_bytes
    }

    /// A line through the log interface or an output stream.
    pub(crate) fn log(&mut self, level: LogLevel, message: String, fields: Vec<(String, String)>) {
        self.log.lines += 1;
        if self.log.lines > MAX_LOG_LINES_PER_CALL {
            return;
        }
        let clean = |text: String| printable(&cut(self.redact(text), MAX_LOG_LINE_BYTES));
        let fields = fields
            .into_iter()
            .take(32)
            .map(|(name, value)| (clean(name), clean(value)))
            .collect();
        let line = LogLine {
            step: self.log.step.clone(),
            level,
            message: clean(message),
            fields,
        };
        self.log.sink.line(line);
    }

    /// Before a call: its own time, its own count of lines.
    fn begin(&mut self) {
        self.yields.store(0, Ordering::Relaxed);
        self.limiter.breach_bytes = None;
        self.log.lines = 0;
        self.http.begin();
    }

    /// After a call: what it wrote to its output streams becomes lines. Answers what it said last of an error.
    fn end(&mut self) -> Option<String> {
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        // Before lines are made of it: a secret may have several.
        let (printed, complained) = (self.redact(stdout.text()), self.redact(stderr.text()));
        for (level, text) in [(LogLevel::Info, &printed), (LogLevel::Warn, &complained)] {
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                self.log(level, line.to_owned(), Vec::new());
            }
        }
        let lines = self.log.lines + stdout.dropped_lines() + stderr.dropped_lines();
        if lines > MAX_LOG_LINES_PER_CALL {
            self.log.lines = 0;
            let dropped = lines - MAX_LOG_LINES_PER_CALL;
            self.log(
                LogLevel::Warn,
                format!("{dropped} more lines of this call were dropped"),
                Vec::new(),
            );
        }
        last_words(&complained)
    }

    /// A guest that gave up after a request was refused gave up for that.
    pub(crate) fn or_refused(&self, fault: Fault) -> Fault {
        let refusal = match &fault {
            Fault::Fatal(_) | Fault::Trap(_) => self.http.refusal(),
            // Where a language does not tell a refusal from a failed connection, as `fetch` does not, it seems to pass.
            Fault::Retryable { .. } => self.http.refused_last(),
            _ => None,
        };
        match refusal {
            Some(refusal) => Fault::Refused {
                said: fault.to_string(),
                what: refusal.what,
                hint: refusal.hint,
            },
            None => fault,
        }
    }

    /// Why a call trapped: the limits know better than the trap.
    fn failure(&self, error: &wasmtime::Error, said: Option<String>) -> Fault {
        let trap = error.downcast_ref::<Trap>();
        if trap == Some(&Trap::Interrupt) {
            return Fault::Time {
                allowed_ms: self.time_per_call_ms,
            };
        }
        if let Some(wanted_bytes) = self.limiter.breach_bytes {
            return Fault::Memory {
                wanted_bytes,
                allowed_bytes: self.limiter.allowed_bytes(),
            };
        }
        if let Some(Breach(why)) = error.downcast_ref() {
            return Fault::Contract(why.clone());
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return Fault::Busy;
        }
        if let Some(ResourceTableError::Full) = error.downcast_ref() {
            return Fault::Trap(format!(
                "held more than {MAX_HANDLES} timers, streams and requests"
            ));
        }
        if let Some(I32Exit(status)) = error.downcast_ref() {
            return Fault::Trap(format!("called `exit({status})`"));
        }
        let said = said.map(|said| cut(self.redact(said), MAX_LOG_LINE_BYTES));
        Fault::Trap(match (trap, said) {
            // A panic's message says more than the instruction that ended it.
            (Some(Trap::UnreachableCodeReached), Some(said)) => said,
            (Some(trap), said) => {
                let trap = trap.to_string().replace("wasm trap: ", "");
                said.map_or(trap.clone(), |said| format!("{trap}; it said: {said}"))
            }
            (None, _) => {
                let words = error.root_cause().to_string();
                // The type of this one is wasmtime's own.
                if words.contains("fuel allocated for hostcalls") {
                    return Fault::Output {
                        allowed_bytes: self.output_bytes,
                    };
                }
                words
            }
        })
    }
}

/// Runs one call into the guest under its limits, and says how it failed if it did.
pub(crate) async fn call<R>(
    store: &mut Store<Sandbox>,
    call: impl AsyncFnOnce(&mut Store<Sandbox>) -> wasmtime::Result<R>,
) -> Result<R, Fault> {
    let sandbox = store.data_mut();
    if sandbox.dead {
        return Err(Fault::Host("it called a plugin again that had trapped".into()));
    }
    sandbox.begin();
    let allowed_ms = sandbox.time_per_call_ms;
    let yields = sandbox.yields.clone();
    let http = sandbox.http.waits();
    store.set_epoch_deadline(1);
    let result = wait_within(call(store), &yields, &http, Duration::from_millis(allowed_ms)).await;
    let said = store.data_mut().end();
    let fault = match result {
        Some(Ok(value)) => return Ok(value),
        Some(Err(error)) => {
            let sandbox = store.data();
            sandbox.or_refused(sandbox.failure(&error, said))
        }
        None => Fault::Time { allowed_ms },
    };
    store.data_mut().dead = true;
    Err(fault)
}
