//! About how many different values there are, in 16 KiB whatever their number: HyperLogLog (Flajolet and others, 2007)
//! over XXH3 of 64 bits, with the estimate of Ertl (New cardinality estimation algorithms for HyperLogLog sketches, 2017,
//! algorithm 6), which is right from none on and needs no table of corrections.

use twox_hash::XxHash3_64;

/// 2^14 registers: the standard error is 1.04 / 2^7, 0.8 %.
const BITS: u32 = 14;
const REGISTERS: usize = 1 << BITS;

/// The greatest that a register can hold: one more than the bits of a hash that are not its place.
const TOP: u8 = (64 - BITS + 1) as u8;

/// The values seen so far.
#[derive(Clone)]
pub(crate) struct Distinct(Vec<u8>);

impl Default for Distinct {
    fn default() -> Self {
        Self(vec![0; REGISTERS])
    }
}

impl Distinct {
    pub(crate) fn observe(&mut self, value: &[u8]) {
        let hash = XxHash3_64::oneshot(value);
        let place = (hash >> (64 - BITS)) as usize;
        // Zeros before the first one of the other bits, which a bit below them bounds, and one.
        let rank = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() as u8 + 1;
        let register = &mut self.0[place];
        *register = rank.max(*register);
    }

    pub(crate) fn registers(&self) -> &[u8] {
        &self.0
    }

    /// None of what are no registers.
    pub(crate) fn restored(registers: &[u8]) -> Option<Self> {
        let good = registers.len() == REGISTERS && registers.iter().all(|register| *register <= TOP);
        good.then(|| Self(registers.to_vec()))
    }

    pub(crate) fn estimate(&self) -> f64 {
        let mut counts = [0.0; TOP as usize + 1];
        for register in &self.0 {
            counts[usize::from(*register)] += 1.0;
        }
        let registers = f64::from(1_u32 << BITS);
        let mut sum = registers * tau(1.0 - counts[usize::from(TOP)] / registers);
        for count in counts[1..usize::from(TOP)].iter().rev() {
            sum = 0.5 * (sum + count);
        }
        sum += registers * sigma(counts[0] / registers);
        (registers * registers / (2.0 * std::f64::consts::LN_2 * sum)).round()
    }
}

/// x + x^2 + 2 x^4 + 4 x^8 + ...; infinite for 1, where nothing was seen.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * power;
        power += power;
        if sum <= before {
            return sum;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut power, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        power *= 0.5;
        sum -= (1.0 - x).powi(2) * power;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_within_three_standard_errors() {
        for count in [0, 1, 10, 1_000, 16_384, 40_000, 80_000, 300_000] {
            let mut distinct = Distinct::default();
            for value in 0_u32..count {
                distinct.observe(&value.to_le_bytes());
                distinct.observe(&value.to_le_bytes());
            }
            let error = (distinct.estimate() - f64::from(count)).abs();
            assert!(
                error <= f64::from(count) * 0.025,
                "{count}: {}",
                distinct.estimate()
            );
        }
    }
}
