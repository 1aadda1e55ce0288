//! Groups the rows of a user into sessions: `reads: [user, time]`, `writes`: the session's id, its start, and the row's
//! number in it.
//!
//! A session ends when its user has no row for longer than `gap`. Its id is a hash of the user and of its first row's
//! time, so a run over the same rows gives the same ids. Rows must come in the order of time, all users together, but
//! for `tolerance`: a row that is earlier than the latest so far by more is refused. What a row earlier than that could
//! still change is over, so sessions that ended before it are forgotten; those that are open are all the memory there
//! is.

mod duration;
mod sessions;
mod user;

use duration::nanoseconds;
use sessions::{MAX_SESSIONS_LIMIT, Place, Sessions};
use tidegate_sdk::prelude::*;
use user::{Users, is_user_type};

/// What ends a session, and what to write.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The longest time between two rows of a session, such as `30m`; in `ms`, `s`, `m`, `h` or `d`.
    gap: String,
    /// By how much a row may be earlier than the latest so far, such as `10s`; no longer than `gap`.
    #[serde(default = "no_tolerance")]
    tolerance: String,
    /// The column to write the id to: 32 hexadecimal digits.
    #[serde(default = "session_id")]
    session_id: String,
    /// The column to write the time of the session's first row to, of the type of the time.
    #[serde(default = "session_started_at")]
    session_started_at: String,
    /// The column (int64) to write the row's number in its session to, from 1.
    #[serde(default = "session_sequence")]
    session_sequence: String,
    /// Hashed with each id, so that nobody can find a user by trying; give it as `${secret:NAME}`.
    #[serde(default)]
    salt: String,
    /// How many sessions may be open at once: 1 to 225,000. One more is a fault.
    #[serde(default = "max_sessions")]
    max_sessions: usize,
    /// What becomes of a row without a user or a time.
    #[serde(default)]
    on_missing: OnMissing,
}

fn no_tolerance() -> String {
    "0s".into()
}

fn session_id() -> String {
    "session_id".into()
}

fn session_started_at() -> String {
    "session_started_at".into()
}

fn session_sequence() -> String {
    "session_sequence".into()
}

fn max_sessions() -> usize {
    MAX_SESSIONS_LIMIT
}

/// What becomes of a row without a user or a time.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// It is refused.
    #[default]
    Reject,
    /// It has no session.
    Null,
}

const USER: usize = 0;
const TIME: usize = 1;

/// The bound transform.
pub struct Sessionize {
    session_id: String,
    session_started_at: String,
    session_sequence: String,
    time: DataType,
    on_missing: OnMissing,
    sessions: Sessions,
}

impl Transform for Sessionize {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        input.expect_columns(2, "the user and the time")?;
        let user = input.schema().field(USER);
        if !is_user_type(user.data_type()) {
            let message = format!(
                "the user must be utf8, or a number of 32 or 64 bits, and `{}` is {}",
                user.name(),
                user.data_type()
            );
            return Err(Fault::schema(message));
        }
        let time = input.schema().field(TIME).data_type().clone();
        let DataType::Timestamp(unit, _) = &time else {
            let message = format!("the time must be a timestamp, and is {time}");
            return Err(Fault::schema(message));
        };
        let unit_ns = match unit {
            TimeUnit::Second => 1_000_000_000,
            TimeUnit::Millisecond => 1_000_000,
            TimeUnit::Microsecond => 1_000,
            TimeUnit::Nanosecond => 1,
        };
        let length = |pointer: &str, text: &str| {
            let length_ns = nanoseconds(text).map_err(|message| Fault::config(pointer, message))?;
            if length_ns % unit_ns != 0 {
                let message = format!("`{text}` is not a whole number of the time's unit");
                return Err(Fault::config(pointer, message));
            }
            Ok(length_ns / unit_ns)
        };
        let gap = length("/gap", &config.gap)?;
        if gap == 0 {
            return Err(Fault::config("/gap", "must be longer than nothing"));
        }
        let tolerance = length("/tolerance", &config.tolerance)?;
        if tolerance > gap {
            return Err(Fault::config("/tolerance", "must be no longer than `gap`"));
        }
        if !(1..=MAX_SESSIONS_LIMIT).contains(&config.max_sessions) {
            let message = format!(
                "must be 1 to {MAX_SESSIONS_LIMIT}, and is {}",
                config.max_sessions
            );
            return Err(Fault::config("/max_sessions", message));
        }
        let (id, start, sequence) = (
            &config.session_id,
            &config.session_started_at,
            &config.session_sequence,
        );
        if start == id {
            return Err(Fault::config(
                "/session_started_at",
                format!("`{id}` is written twice"),
            ));
        }
        if sequence == id || sequence == start {
            return Err(Fault::config(
                "/session_sequence",
                format!("`{sequence}` is written twice"),
            ));
        }
        Ok(Self {
            sessions: Sessions::new(gap, tolerance, unit_ns, config.max_sessions, &config.salt),
            session_id: config.session_id,
            session_started_at: config.session_started_at,
            session_sequence: config.session_sequence,
            time,
            on_missing: config.on_missing,
        })
    }

    fn shape(&self) -> Shape {
        Shape::beside([
            made(&self.session_id, DataType::Utf8).from([USER, TIME]),
            made(&self.session_started_at, self.time.clone()).from([USER, TIME]),
            made(&self.session_sequence, DataType::Int64).from([USER, TIME]),
        ])
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let users = Users::new(&batch.column(USER));
        let times = batch.column(TIME);
        let instants = user::integers(&times);
        let mut ids = builder::StringBuilder::with_capacity(batch.rows(), batch.rows() * 32);
        let mut starts = Vec::with_capacity(batch.rows());
        let mut sequences = builder::Int64Builder::with_capacity(batch.rows());
        let mut refused = Vec::new();
        for row in 0..batch.rows() {
            let place = match (users.user(row), times.is_valid(row)) {
                (Some(user), true) => self.sessions.place(user.bytes(), instants[row])?,
                _ => Place::Missing,
            };
            match place {
                Place::In(session) => {
                    // Digits are text.
                    ids.append_value(std::str::from_utf8(&session.hex()).unwrap_or_default());
                    starts.push(Some(session.start));
                    sequences.append_value(session.rows.into());
                }
                Place::Late | Place::Missing => {
                    ids.append_null();
                    starts.push(None);
                    sequences.append_null();
                }
            }
            match place {
                Place::Late => refused.push((row, "session.late", LATE)),
                Place::Missing if self.on_missing == OnMissing::Reject => {
                    refused.push((row, "session.missing", "the user or the time is missing"));
                }
                Place::Missing | Place::In(_) => {}
            }
        }
        let starts = user::times(starts, &self.time);
        let made: [ArrayRef; 3] = [Arc::new(ids.finish()), starts, Arc::new(sequences.finish())];
        let mut done: Processed = Output::all(made).into();
        for (row, code, message) in refused {
            done.reject(row, code, message);
        }
        Ok(done)
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        Ok(Some(self.sessions.snapshot()))
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), Fault> {
        self.sessions.restore(state)
    }
}

const LATE: &str = "the time is earlier than the latest so far by more than `tolerance`";

tidegate_sdk::export_transform!(Sessionize);

#[cfg(test)]
mod tests;
