//! The sessions that are open.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use sha2::{Digest, Sha256};
use tidegate_sdk::prelude::*;
use twox_hash::XxHash3_128;

/// The most open sessions: what a snapshot of at most 16 MiB (wit/since-v0.1/transform.wit) can hold at 52 bytes each
/// is 322,638. So many fit a map of 2^18 places, which is full at seven eighths, and takes 17 MiB.
pub(crate) const MAX_SESSIONS_LIMIT: usize = 225_000;

/// The bytes of a session in a snapshot: the user's hash, the id, start, latest and rows.
const SESSION_BYTES: usize = 16 + 16 + 8 + 8 + 4;

/// Sessions that ended are looked for once there are as many as twice those that were open the last time, and no fewer
/// than this: looking costs a nanosecond or two each.
const SWEEP_MIN_SESSIONS: usize = 1_024;

/// The open sessions of all users. Times count the column's unit.
pub(crate) struct Sessions {
    /// By the user's XXH3 hash of 128 bits: among 225,000 users two share one with a probability of less than
    /// 10^11 / 2^129, or 2 in 10^28.
    open: HashMap<u128, Session, BuildHasherDefault<Lowest>>,
    /// The latest time of all rows so far.
    latest: i64,
    sweep_at: usize,
    gap: i64,
    tolerance: i64,
    unit_ns: i64,
    most: usize,
    salted: Sha256,
}

/// An open session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    id: [u8; 16],
    /// The time of its first row.
    pub(crate) start: i64,
    latest: i64,
    /// How many rows it has so far.
    pub(crate) rows: u32,
}

/// Where a row belongs.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// To this session, of which it is the last row so far.
    In(Session),
    /// To none: it is too late.
    Late,
    /// To none: its user or its time is missing.
    Missing,
}

impl Session {
    /// The id as 32 hexadecimal digits.
    pub(crate) fn hex(&self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 32];
        for (pair, byte) in hex.as_chunks_mut::<2>().0.iter_mut().zip(self.id) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        hex
    }
}

impl Sessions {
    /// `gap` and `tolerance` count units of so many nanoseconds each; `tolerance` is no longer than `gap`.
    pub(crate) fn new(gap: i64, tolerance: i64, unit_ns: i64, max_sessions: usize, salt: &str) -> Self {
        Self {
            open: HashMap::default(),
            latest: i64::MIN,
            sweep_at: SWEEP_MIN_SESSIONS,
            gap,
            tolerance,
            unit_ns,
            most: max_sessions,
            salted: Sha256::new().chain_update(salt),
        }
    }

    /// Where the next row belongs. A fault where it would open one session too many.
    pub(crate) fn place(&mut self, user: &[u8], time: i64) -> Result<Place, Fault> {
        if time < self.latest.saturating_sub(self.tolerance) {
            return Ok(Place::Late);
        }
        self.latest = self.latest.max(time);
        let key = XxHash3_128::oneshot(user);
        // No row that is taken is earlier than its user's latest by more than `tolerance`, so by more than `gap`.
        if let Some(session) = self.open.get_mut(&key)
            && time.saturating_sub(session.latest) <= self.gap
        {
            session.latest = session.latest.max(time);
            session.rows = session.rows.saturating_add(1);
            return Ok(Place::In(*session));
        }
        let session = Session {
            id: self.id(user, time),
            start: time,
            latest: time,
            rows: 1,
        };
        if self.open.insert(key, session).is_none() {
            self.make_room()?;
        }
        Ok(Place::In(session))
    }

    /// The first half of a SHA-256 of the salt, the user and the start in nanoseconds, whatever the column's unit.
    fn id(&self, user: &[u8], start: i64) -> [u8; 16] {
        let start_ns = i128::from(start) * i128::from(self.unit_ns);
        let digest = self
            .salted
            .clone()
            .chain_update(user)
            .chain_update(start_ns.to_le_bytes())
            .finalize();
        let digest: [u8; 32] = digest.into();
        std::array::from_fn(|index| digest[index])
    }

    /// Forgets sessions that no row can still belong to, where there are many.
    fn make_room(&mut self) -> Result<(), Fault> {
        if self.open.len() < self.sweep_at && self.open.len() <= self.most {
            return Ok(());
        }
        let earliest = self
            .latest
            .saturating_sub(self.tolerance)
            .saturating_sub(self.gap);
        self.open.retain(|_, session| session.latest >= earliest);
        self.sweep_at = SWEEP_MIN_SESSIONS.max(2 * self.open.len());
        if self.open.len() <= self.most {
            return Ok(());
        }
        Err(Fault::fatal(format!(
            "more than {} sessions are open at once (`max_sessions`); raise it, or make `gap` or `tolerance` shorter",
            self.most
        )))
    }

    pub(crate) fn snapshot(&self) -> Vec<u8> {
        let mut state = Vec::with_capacity(8 + self.open.len() * SESSION_BYTES);
        state.extend_from_slice(&self.latest.to_le_bytes());
        for (key, session) in &self.open {
            state.extend_from_slice(&key.to_le_bytes());
            state.extend_from_slice(&session.id);
            state.extend_from_slice(&session.start.to_le_bytes());
            state.extend_from_slice(&session.latest.to_le_bytes());
            state.extend_from_slice(&session.rows.to_le_bytes());
        }
        state
    }

    pub(crate) fn restore(&mut self, state: &[u8]) -> Result<(), Fault> {
        let wrong = || Fault::fatal("the state is not one that this transform has made with this config");
        let (latest, open) = state.split_first_chunk().ok_or_else(wrong)?;
        let (open, rest) = open.as_chunks::<SESSION_BYTES>();
        if !rest.is_empty() || open.len() > self.most {
            return Err(wrong());
        }
        self.latest = i64::from_le_bytes(*latest);
        self.open = open.iter().map(session).collect();
        self.sweep_at = SWEEP_MIN_SESSIONS.max(2 * self.open.len());
        Ok(())
    }
}

/// A session as a snapshot holds it.
fn session(bytes: &[u8; SESSION_BYTES]) -> (u128, Session) {
    fn part<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
        std::array::from_fn(|index| bytes[from + index])
    }
    let session = Session {
        id: part(bytes, 16),
        start: i64::from_le_bytes(part(bytes, 32)),
        latest: i64::from_le_bytes(part(bytes, 40)),
        rows: u32::from_le_bytes(part(bytes, 48)),
    };
    (u128::from_le_bytes(part(bytes, 0)), session)
}

/// The lowest 64 bits of a key that is a hash already.
#[derive(Default)]
struct Lowest(u64);

impl Hasher for Lowest {
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
