//! What is usual, by the median and the median distance from it: a few loads that were out of the way do not move either.

use tidegate_core::schema::RowCountAnomalyDecl;

/// The median distance of values that lie as a bell does, times this, is their standard deviation.
const DEVIATION_OF_BELL: f64 = 1.4826;

/// Counts that never varied may vary by so much of themselves, and by a row, before it counts as one distance.
const LEAST_DEVIATION: f64 = 0.01;

/// What the row counts of earlier loads say.
pub(super) struct Usual {
    pub(super) loads: usize,
    pub(super) median: f64,
    deviation: f64,
    tolerance: f64,
}

impl Usual {
    /// None where there are too few loads to say anything.
    pub(super) fn of(history: &[u64], tolerance: f64) -> Option<Self> {
        if history.len() < RowCountAnomalyDecl::LEAST_HISTORY as usize {
            return None;
        }
        let counts: Vec<f64> = history.iter().map(|rows| *rows as f64).collect();
        let median = median(counts.clone());
        let distances = counts.iter().map(|rows| (rows - median).abs()).collect();
        let spread = DEVIATION_OF_BELL * self::median(distances);
        Some(Self {
            loads: history.len(),
            median,
            deviation: spread.max(LEAST_DEVIATION * median).max(1.0),
            tolerance,
        })
    }

    /// How many deviations a count lies from the median.
    pub(super) fn deviations(&self, rows: u64) -> f64 {
        (rows as f64 - self.median).abs() / self.deviation
    }

    /// Whether a count is usual.
    pub(super) fn holds(&self, rows: u64) -> bool {
        self.deviations(rows) <= self.tolerance
    }

    /// The least and the greatest count that is.
    pub(super) fn bounds(&self) -> (u64, u64) {
        let far = self.tolerance * self.deviation;
        (
            (self.median - far).max(0.0).ceil() as u64,
            (self.median + far).floor() as u64,
        )
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}

#[cfg(test)]
mod tests {
    use super::Usual;

    #[test]
    fn with_few_loads_nothing_is_said() {
        assert!(Usual::of(&[10; 4], 5.0).is_none());
    }

    #[test]
    fn counts_that_vary_may_vary_as_they_did() {
        // Median 100, median distance 10: a deviation of 14.8, five of them 74.
        let usual = Usual::of(&[100, 90, 110, 80, 120, 95, 105], 5.0).unwrap();
        assert!((usual.median - 100.0).abs() < f64::EPSILON);
        assert_eq!(usual.bounds(), (26, 174));
        assert!(usual.holds(174) && usual.holds(26));
        assert!(!usual.holds(175) && !usual.holds(25));
    }

    #[test]
    fn one_load_out_of_the_way_moves_nothing() {
        let usual = Usual::of(&[1_000, 1_001, 999, 1_000, 0, 1_000], 5.0).unwrap();
        assert!((usual.median - 1_000.0).abs() < f64::EPSILON);
        assert!(!usual.holds(0));
    }

    #[test]
    fn counts_that_never_varied_may_vary_a_little() {
        let usual = Usual::of(&[10_000; 10], 5.0).unwrap();
        assert_eq!(usual.bounds(), (9_500, 10_500));
        assert_eq!(Usual::of(&[0; 10], 5.0).unwrap().bounds(), (0, 5));
    }
}
