//! Which materializations were seen.

use std::time::{Duration, Instant};

use tidegate_core::plan::Places;

/// How long a number that is missing among later ones is waited for: its transaction may have yet to be committed. One that
/// was rolled back never comes.
const GAP: Duration = Duration::from_mins(1);

/// The numbers of the materializations that were seen. They are given before they can be seen, so that a lower one may come
/// behind a higher one.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    numbers: Places,
    /// The gaps that were there at a time, by this process's own clock.
    gaps: Option<(Instant, u64)>,
}

impl Seen {
    pub(super) fn new(ranges: Vec<(u64, u64)>) -> Self {
        Self {
            numbers: Places::of(ranges),
            gaps: None,
        }
    }

    /// The number behind which to look.
    pub(super) fn floor(&self) -> u64 {
        self.numbers.ranges().first().map_or(0, |(_, last)| *last)
    }

    /// Whether a number is new; it is not from now on.
    pub(super) fn take(&mut self, numbers: &[u64]) -> Vec<bool> {
        let new = numbers
            .iter()
            .map(|number| !self.numbers.contains(*number))
            .collect();
        self.numbers = self.numbers.or(&Places::each(numbers.iter().copied()));
        new
    }

    /// Gives up gaps that have been there for long.
    pub(super) fn close_gaps(&mut self) {
        let last = self.numbers.ranges().last().map_or(0, |(_, last)| *last);
        match self.gaps {
            _ if self.numbers.ranges().len() <= 1 => self.gaps = None,
            None => self.gaps = Some((Instant::now(), last)),
            Some((since, until)) if since.elapsed() >= GAP => {
                self.numbers = self.numbers.or(&Places::range(0, until));
                self.gaps = None;
            }
            Some(_) => {}
        }
    }

    /// As it is kept.
    pub(super) fn ranges(&self) -> Vec<(u64, u64)> {
        self.numbers.ranges().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_comes_late_is_new_once() {
        let mut seen = Seen::new(vec![(0, 4)]);
        assert_eq!(seen.take(&[5, 7]), [true, true]);
        assert_eq!(seen.floor(), 5);
        seen.close_gaps();
        assert_eq!(seen.take(&[6, 7, 8]), [true, false, true]);
        assert_eq!(seen.ranges(), [(0, 8)]);
        assert_eq!(seen.take(&[6]), [false]);
    }
}
