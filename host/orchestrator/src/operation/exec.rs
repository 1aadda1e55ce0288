//! A step that runs a child process.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use serde_json::Value;
use tidegate_core::plan::StepPlace;
use tidegate_core::port::{AttemptKey, StateStore};
use tidegate_core::schema::{ExecDecl, ReferenceKind, fill, has_reference};
use tidegate_core::{Error, Kind, Result};
use tidegate_plugin::{LogLevel, Secrets};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::guard::Guard;
use super::lines::{Line, Lines};
use super::pipes::{Pipes, PipesContext};
use super::step::{MAX_RESULT_BYTES, StepWork, fitting, too_large};
use crate::engine::AttemptLog;
use crate::project::Project;
use crate::run::stopped;

/// Variables of the host's own environment that a child is given.
const BASE: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// How often what the child reports is looked for, in milliseconds.
const LOOK_MS: u64 = 100;

/// How long what the child has said is read on after it has ended, in milliseconds: nobody is left who could say more.
const DRAIN_MS: u64 = 2_000;

/// The shortest line of a secret of many that is masked by itself, in bytes.
const MIN_SECRET_LINE_BYTES: usize = 8;

/// Variables of an environment, in order; of two with one name the later one counts.
type Variables = Vec<(String, String)>;

/// What an attempt that runs a child has.
pub(super) struct Exec<'a> {
    pub(super) project: &'a Arc<Project>,
    pub(super) state: &'a Arc<dyn StateStore>,
    pub(super) step: &'a StepWork,
    pub(super) decl: &'a ExecDecl,
    pub(super) key: &'a AttemptKey,
    pub(super) log: &'a Arc<AttemptLog>,
    pub(super) halt: &'a CancellationToken,
}

/// The process group of a child; killed when it is let go.
struct Group(Pid);

impl Group {
    fn tell(&self, signal: Signal) {
        // One that has ended need not be told.
        let _ = kill_process_group(self.0, signal);
    }

    /// Whether a process of it is there, be it not the one that was begun.
    fn lives(&self) -> bool {
        test_kill_process_group(self.0).is_ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.tell(Signal::KILL);
    }
}

/// The lines of a secret that has more than one; those are none that are too short to be told from other words.
fn long_lines(secret: &str) -> impl Iterator<Item = String> {
    let lines = secret.contains('\n').then(|| secret.lines());
    lines
        .into_iter()
        .flatten()
        .map(str::trim)
        .filter(|line| line.len() >= MIN_SECRET_LINE_BYTES)
        .map(str::to_owned)
}

/// A stream of the child is held open by a process that it left behind.
struct Held;

/// What a stream of the child ended with, once all of it is read.
async fn drained(reading: Option<JoinHandle<Option<Line>>>) -> Result<Option<Line>, Held> {
    let Some(mut reading) = reading else {
        return Ok(None);
    };
    match timeout(Duration::from_millis(DRAIN_MS), &mut reading).await {
        Ok(last) => Ok(last.ok().flatten()),
        Err(_) => {
            reading.abort();
            Err(Held)
        }
    }
}

impl Exec<'_> {
    /// Runs the child to its end; answers what came of it.
    pub(super) async fn run(&self) -> Result<Value> {
        let (environment, mut secrets) = self.environment()?;
        // What is said is masked line for line, so the lines of a key are secrets too.
        let lines: Vec<String> = secrets.iter().flat_map(|secret| long_lines(secret)).collect();
        secrets.extend(lines);
        let secrets = Secrets::new(&secrets);
        let mut pipes = self.pipes(secrets.clone())?;
        let mut child = self.spawn(environment, &pipes)?;
        let group = child.id().and_then(|id| Pid::from_raw(id as i32));
        let Some(group) = group.map(Group) else {
            return Err(self.failed("step.exec", "the child process has no id".to_owned()));
        };
        let guard = Guard::over(group.0.as_raw_nonzero().get(), self.decl.grace.0)
            .map_err(|error| self.failed("step.exec", format!("`/bin/sh` cannot be run: {error}")))?;
        let lines = |stream| Lines {
            log: self.log.clone(),
            stream,
            secrets: secrets.clone(),
            limit_bytes: self.decl.output.0,
        };
        let said = child
            .stdout
            .take()
            .map(|stream| tokio::spawn(lines("stdout").read(stream)));
        let complained = child
            .stderr
            .take()
            .map(|stream| tokio::spawn(lines("stderr").read(stream)));
        let ended = self.watch(&mut child, &group, &mut pipes).await;
        // What the child has left behind goes with it, so that its streams end.
        drop(group);
        guard.relieve().await;
        let last = drained(said).await;
        let whole = drained(complained).await.is_ok() && last.is_ok();
        let status = ended?;
        pipes.read().await?;
        pipes.end(status.success());
        if let Some(error) = pipes.failure() {
            return Err(self.failed("step.exception", error));
        }
        self.judge(status)?;
        let result = match (pipes.result(), last) {
            (Some(result), _) => result,
            (None, Ok(last)) => secrets.redact_value(last.map_or(Ok(Value::Null), |last| self.told(&last))?),
            (None, Err(Held)) => {
                let message = "its standard output is open still although it has ended: a process that it left behind \
                               holds it, so what it told last is not known";
                return Err(self
                    .failed("step.exec", message)
                    .hint("redirect the output of what it leaves running"));
            }
        };
        if !whole {
            let message = "what a process that was left behind says from here on is not in this log";
            self.log.say(LogLevel::Warn, message);
        }
        fitting(&self.step.step.name, result)
    }

    /// Waits for the end of the child, and reads what it reports meanwhile.
    async fn watch(&self, child: &mut Child, group: &Group, pipes: &mut Pipes<'_>) -> Result<ExitStatus> {
        let mut look = interval(Duration::from_millis(LOOK_MS));
        let stopped = loop {
            tokio::select! {
                status = child.wait() => {
                    return status.map_err(|error| self.failed("step.exec", format!("the child is lost: {error}")));
                }
                () = self.halt.cancelled() => break stopped(),
                _ = look.tick() => {
                    // An attempt that was taken over is told so here.
                    if let Err(error) = pipes.read().await {
                        break error;
                    }
                }
            }
        };
        group.tell(Signal::TERM);
        // A shell may be gone at once, and what it began still be at its cleaning up.
        let gone = async {
            let _ = child.wait().await;
            while group.lives() {
                sleep(Duration::from_millis(LOOK_MS)).await;
            }
        };
        if timeout(Duration::from_millis(self.decl.grace.0), gone)
            .await
            .is_err()
        {
            group.tell(Signal::KILL);
            let _ = child.wait().await;
        }
        Err(stopped)
    }

    fn spawn(&self, environment: Variables, pipes: &Pipes<'_>) -> Result<Child> {
        let mut words = Vec::new();
        for word in &self.decl.command {
            words.push(self.step.fill("command", word)?);
        }
        let Some((program, arguments)) = words.split_first() else {
            return Err(self.failed("step.exec", "there is no program to run".to_owned()));
        };
        if words.iter().any(|word| word.contains('\0')) {
            return Err(self.failed("step.exec", "a word of the command has a NUL in it".to_owned()));
        }
        let cwd = self.cwd();
        if !cwd.is_dir() {
            let message = format!("the folder `{}` is not there", cwd.display());
            return Err(self
                .failed("step.exec", message)
                .hint("`cwd` begins at the project's folder"));
        }
        Command::new(program)
            .args(arguments)
            .current_dir(cwd)
            .env_clear()
            .envs(environment)
            .envs(pipes.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                self.failed("step.exec", format!("`{program}` cannot be run: {error}"))
                    .hint("it is looked for in PATH, or from `cwd` on where it has a `/` in it")
            })
    }

    fn cwd(&self) -> PathBuf {
        let root = self.project.root();
        self.decl
            .cwd
            .as_ref()
            .map_or(root.to_owned(), |cwd| root.join(cwd))
    }

    /// What the child is given, and the secrets among it.
    fn environment(&self) -> Result<(Variables, Vec<String>)> {
        let lookup = &*self.project.lookup;
        let base = BASE
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), lookup(ReferenceKind::Env, name).ok()??)));
        let mut variables: Variables = base.collect();
        let mut secrets = Vec::new();
        for (name, text) in &self.decl.env {
            let value = if has_reference(text) {
                let reference = |error: tidegate_core::schema::ReferenceError| {
                    let mut error = Error::from(error);
                    error.message = format!(
                        "step `{}`, `exec.env.{name}`: {}",
                        self.step.step.name, error.message
                    );
                    error
                };
                let declared = Value::String(text.clone());
                let (filled, _) = fill(&declared, ReferenceKind::Env, lookup).map_err(reference)?;
                let (filled, used) = fill(&filled, ReferenceKind::Secret, lookup).map_err(reference)?;
                secrets.extend(used);
                filled.as_str().unwrap_or_default().to_owned()
            } else {
                self.step.fill(&format!("env {name}"), text)?
            };
            if value.contains('\0') {
                let message = format!("the value of `{name}` has a NUL in it");
                return Err(self.failed("step.exec", message));
            }
            variables.push((name.clone(), value));
        }
        let key = self.key;
        for (name, value) in [
            ("TIDEGATE_RUN", key.run.to_string()),
            ("TIDEGATE_JOB", self.step.job.to_string()),
            ("TIDEGATE_STEP", key.asset.to_string()),
            ("TIDEGATE_ATTEMPT", key.attempt.to_string()),
        ] {
            variables.push((name.to_owned(), value));
        }
        if let (Some(item), Some(StepPlace::Item(index))) =
            (self.step.scope.get("item"), key.partition.step())
        {
            variables.push(("TIDEGATE_ITEM".to_owned(), item.to_string()));
            variables.push(("TIDEGATE_INDEX".to_owned(), index.to_string()));
        }
        Ok((variables, secrets))
    }

    fn pipes(&self, secrets: Secrets) -> Result<Pipes<'_>> {
        let context = PipesContext {
            assets: &self.decl.assets,
            scope: &self.step.scope,
            job: &self.step.job,
        };
        let folder = self.project.root().join(".tidegate/pipes");
        Pipes::open(
            &folder,
            self.key,
            &context,
            self.state.clone(),
            self.log.clone(),
            secrets,
        )
        .map_err(|error| self.failed("step.exec", format!("no way for reports can be made: {error}")))
    }

    /// What an exit code means, where it is not 0. The codes are those of `sysexits.h`.
    fn judge(&self, status: ExitStatus) -> Result<()> {
        if status.success() {
            return Ok(());
        }
        let message = match status.code() {
            Some(code) => format!("the child ended with exit code {code}"),
            None => format!("the child was ended by a signal: {status}"),
        };
        let error = self.failed("step.exit", message);
        Err(match status.code() {
            Some(64 | 78) => Error {
                kind: Kind::Usage,
                ..error
            },
            Some(65) => Error {
                kind: Kind::Data,
                ..error
            },
            _ => error.later(),
        })
    }

    fn failed(&self, code: &str, message: impl std::fmt::Display) -> Error {
        let message = format!("step `{}`: {message}", self.step.step.name);
        Error::new(Kind::Resource, code, message).hint(format!(
            "`tidegate runs logs {} --step {}` shows what it said",
            self.key.run, self.step.step.name
        ))
    }

    /// What the last line of a child tells: a map or a list of JSON. All else is said to people.
    fn told(&self, line: &Line) -> Result<Value> {
        let text = line.bytes.trim_ascii();
        if !matches!(text.first(), Some(b'{' | b'[')) {
            return Ok(Value::Null);
        }
        if !line.fits() {
            return Err(too_large(
                &self.step.step.name,
                &format!("more than {MAX_RESULT_BYTES} bytes"),
            ));
        }
        Ok(serde_json::from_slice(text).unwrap_or_default())
    }
}
