//! Sets of slices, as ranges of their places.

/// A set of places: ranges in order, both ends included, that neither overlap nor touch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places(Vec<(u64, u64)>);

impl Places {
    /// One range.
    pub fn range(first: u64, last: u64) -> Self {
        Self(vec![(first, last)])
    }

    /// The set of these ranges, in any order.
    pub fn of(mut ranges: Vec<(u64, u64)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    /// The set of these places, in any order.
    pub fn each(places: impl IntoIterator<Item = u64>) -> Self {
        Self::of(places.into_iter().map(|place| (place, place)).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// Every place, in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// Whether a place is among them.
    pub fn contains(&self, place: u64) -> bool {
        let behind = self.0.partition_point(|(first, _)| *first <= place);
        behind > 0 && self.0[behind - 1].1 >= place
    }

    /// Whether any place is among both.
    pub fn meets(&self, other: &Self) -> bool {
        let (few, many) = if self.0.len() <= other.0.len() {
            (self, other)
        } else {
            (other, self)
        };
        few.0.iter().any(|(first, last)| {
            let before = many.0.partition_point(|range| range.1 < *first);
            many.0.get(before).is_some_and(|range| range.0 <= *last)
        })
    }

    /// Those of either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            _ => Self::of([self.0.as_slice(), other.0.as_slice()].concat()),
        }
    }

    /// Those of both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let (mut mine, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(a), Some(b)) = (mine.peek(), theirs.peek()) {
            let (first, last) = (a.0.max(b.0), a.1.min(b.1));
            if first <= last {
                both.push((first, last));
            }
            if a.1 < b.1 {
                mine.next();
            } else {
                theirs.next();
            }
        }
        Self(both)
    }

    /// Those that are not of the other.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut left = Vec::with_capacity(self.0.len());
        let mut theirs = other.0.iter().peekable();
        for (first, last) in &self.0 {
            let mut first = *first;
            while theirs.peek().is_some_and(|range| range.1 < first) {
                theirs.next();
            }
            let mut rest = theirs.clone();
            let mut ended = false;
            while let Some(range) = rest.next_if(|range| range.0 <= *last) {
                if range.0 > first {
                    left.push((first, range.0 - 1));
                }
                if range.1 >= *last {
                    ended = true;
                    break;
                }
                first = range.1 + 1;
            }
            if !ended {
                left.push((first, *last));
            }
        }
        Self(left)
    }

    /// The first so many.
    #[must_use]
    pub fn first(&self, mut most: u64) -> Self {
        let mut taken = Vec::new();
        for (first, last) in &self.0 {
            if most == 0 {
                break;
            }
            let last = (*last).min(first + (most - 1));
            most -= last - first + 1;
            taken.push((*first, last));
        }
        Self(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn sets_of_ranges_are_sets() {
        // Every pair of subsets of seven places, compared with plain sets.
        let members = |bits: u64| (0..7).filter(move |place| (bits >> place) & 1 == 1);
        for left in 0..128 {
            for right in 0..128 {
                let (a, b) = (Places::each(members(left)), Places::each(members(right)));
                let check = |found: &Places, bits: u64| {
                    let expected: BTreeSet<u64> = members(bits).collect();
                    assert_eq!(found.iter().collect::<BTreeSet<_>>(), expected, "{a:?} {b:?}");
                    assert_eq!(found.count(), expected.len() as u64);
                    // One form for one set.
                    assert_eq!(*found, Places::each(expected));
                };
                check(&a.or(&b), left | right);
                check(&a.and(&b), left & right);
                check(&a.minus(&b), left & !right);
                assert_eq!(a.meets(&b), left & right != 0, "{a:?} {b:?}");
                assert!((0..7).all(|place| a.contains(place) == ((left >> place) & 1 == 1)));
            }
        }
        assert_eq!(
            Places::of(vec![(5, 9), (0, 2)]).first(4),
            Places::of(vec![(0, 2), (5, 5)])
        );
    }
}
