//! What a guest sees of the world: the real clocks and random numbers, or ones that are the same each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sha2::Digest as _;
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// Where virtual time begins: 2020-01-01T00:00:00Z, in seconds since 1970, and a day later for each seed above 0.
const BEGIN_S: u64 = 1_577_836_800;
const DAY_S: u64 = 86_400;

/// What each reading of a clock moves virtual time on by, so that a guest that waits for time to pass sees it pass.
const READING_NS: u64 = 1_000;

/// What a guest sees of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Surroundings {
    /// The machine's clocks, and random numbers that nobody can foresee.
    #[default]
    Real,
    /// Clocks that move with their readings only, and random numbers that follow from the seed: the same guest with the
    /// same input does the same. Another seed gives another time and other numbers.
    Virtual {
        /// Which.
        seed: u64,
    },
}

impl Surroundings {
    /// Sets the clocks and random numbers of a guest to be.
    pub(crate) fn set(self, builder: &mut WasiCtxBuilder) {
        let Self::Virtual { seed } = self else { return };
        let readings = Arc::new(AtomicU64::new(0));
        let clock = VirtualClock {
            begin: Duration::from_secs(BEGIN_S + seed % 36_500 * DAY_S),
            readings,
        };
        builder
            .wall_clock(clock.clone())
            .monotonic_clock(clock)
            .secure_random(numbers("secure", seed))
            .insecure_random(numbers("insecure", seed))
            .insecure_random_seed(u128::from(seed));
    }
}

/// Bytes that follow from a seed, and are repeated.
fn numbers(kind: &str, seed: u64) -> Deterministic {
    let bytes = (0..32).flat_map(|block| sha2::Sha256::digest(format!("{kind} {seed} {block}")).to_vec());
    Deterministic::new(bytes.collect())
}

/// Both clocks of one guest.
#[derive(Clone)]
struct VirtualClock {
    begin: Duration,
    readings: Arc<AtomicU64>,
}

impl VirtualClock {
    fn passed_ns(&self) -> u64 {
        self.readings.fetch_add(1, Ordering::Relaxed) * READING_NS
    }
}

impl HostWallClock for VirtualClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(READING_NS)
    }

    fn now(&self) -> Duration {
        self.begin + Duration::from_nanos(self.passed_ns())
    }
}

impl HostMonotonicClock for VirtualClock {
    fn resolution(&self) -> u64 {
        READING_NS
    }

    fn now(&self) -> u64 {
        self.passed_ns()
    }
}
