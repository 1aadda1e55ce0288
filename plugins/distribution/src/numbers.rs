//! Extremes and mean of the numbers of a column.

/// The numbers of a column seen so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    count: u64,
    min: f64,
    max: f64,
    sum: f64,
    /// What rounding has taken from `sum` (Neumaier, 1974), so that the mean of many numbers is exact to the last digits.
    lost: f64,
}

/// The bytes of a snapshot.
const STATE_BYTES: usize = 40;

impl Default for Numbers {
    fn default() -> Self {
        Self {
            count: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sum: 0.0,
            lost: 0.0,
        }
    }
}

impl Numbers {
    /// Answers how many are no number.
    pub(crate) fn observe(&mut self, values: &[f64]) -> u64 {
        let mut not_numbers = 0;
        for value in values {
            if value.is_nan() {
                not_numbers += 1;
                continue;
            }
            self.count += 1;
            self.min = self.min.min(*value);
            self.max = self.max.max(*value);
            let sum = self.sum + value;
            self.lost += if self.sum.abs() >= value.abs() {
                (self.sum - sum) + value
            } else {
                (value - sum) + self.sum
            };
            self.sum = sum;
        }
        not_numbers
    }

    /// Least, greatest and mean; none of no numbers. The mean of numbers with an infinite one among them is infinite.
    pub(crate) fn measures(&self) -> Option<(f64, f64, f64)> {
        let sum = if self.sum.is_finite() {
            self.sum + self.lost
        } else {
            self.sum
        };
        (self.count > 0).then(|| (self.min, self.max, sum / crate::float(self.count)))
    }

    pub(crate) fn snapshot(&self) -> [u8; STATE_BYTES] {
        let mut state = [0; STATE_BYTES];
        let parts = [
            self.count,
            self.min.to_bits(),
            self.max.to_bits(),
            self.sum.to_bits(),
            self.lost.to_bits(),
        ];
        for (bytes, part) in state.as_chunks_mut::<8>().0.iter_mut().zip(parts) {
            *bytes = part.to_le_bytes();
        }
        state
    }

    pub(crate) fn restored(state: &[u8; STATE_BYTES]) -> Self {
        let part = |index: usize| u64::from_le_bytes(state.as_chunks::<8>().0[index]);
        Self {
            count: part(0),
            min: f64::from_bits(part(1)),
            max: f64::from_bits(part(2)),
            sum: f64::from_bits(part(3)),
            lost: f64::from_bits(part(4)),
        }
    }
}
