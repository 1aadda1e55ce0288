//! Which slices of an asset another asset's slice is made from.

use std::fmt;

use super::partition::{Keys, TimeSlices, Values};
use super::{PartitionKey, Partitioning};
use crate::schema::MappingDecl;

/// How the slices of an asset (below) are made from those of another (above).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapping {
    /// Each from all of them, or from the one that there is.
    All,
    /// Each from the last in time of every value.
    Last,
    /// Each from those that are alike in the dimensions that both assets have.
    Alike {
        /// Both are sliced by values: by the same one.
        values: bool,
        /// Both are sliced by time.
        time: Option<TimeMapping>,
    },
}

/// Which windows of time belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeMapping {
    /// Those so many slices behind, or before where negative, of slices that are cut alike.
    Offset(i32),
    /// Those that overlap.
    Overlap,
}

/// The slices above of a slice below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// Every slice there is, or the whole of an asset without slices.
    All,
    /// These, in order; none where the asset above has no such slices.
    Keys(Vec<PartitionKey>),
}

/// The slices of two assets do not belong together by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// One is sliced by time, the other by values.
    #[error("the source asset's partitions and these have nothing in common")]
    NothingShared,
    /// Both are sliced by values, and not of one kind.
    #[error("the source asset's keys are not of the same kind as these")]
    Values,
    /// An offset was asked for where slices are not cut alike.
    #[error("an offset needs two assets that are sliced by time in the same way")]
    Offset,
    /// Something was asked for of an asset without slices.
    #[error("the source asset has no partitions")]
    Whole,
}

impl Mapping {
    /// How the slices of `below` are made from those of `above`, as told or, where nothing is, as follows from both.
    pub fn between(
        above: Option<&Partitioning>,
        below: Option<&Partitioning>,
        told: Option<MappingDecl>,
    ) -> Result<Self, MappingError> {
        let Some(above) = above else {
            return match told {
                None | Some(MappingDecl::All) => Ok(Self::All),
                Some(_) => Err(MappingError::Whole),
            };
        };
        let offset = match told {
            Some(MappingDecl::All) => return Ok(Self::All),
            Some(MappingDecl::Last) => return Ok(Self::Last),
            Some(MappingDecl::Offset(slices)) => Some(slices),
            None => None,
        };
        let Some(below) = below else {
            return if offset.is_some() {
                Err(MappingError::Offset)
            } else {
                Ok(Self::All)
            };
        };
        let values = match (above.values(), below.values()) {
            (Some(theirs), Some(ours)) => match (&theirs.values, &ours.values) {
                (Values::Static(_), Values::Static(_)) => true,
                (Values::Dynamic(theirs), Values::Dynamic(ours)) if theirs == ours => true,
                _ => return Err(MappingError::Values),
            },
            _ => false,
        };
        let time = match (above.time(), below.time()) {
            (Some(theirs), Some(ours)) if theirs.cut_alike(ours) => {
                Some(TimeMapping::Offset(offset.unwrap_or_default()))
            }
            (Some(_), Some(_)) if offset.is_none() => Some(TimeMapping::Overlap),
            _ if offset.is_some() => return Err(MappingError::Offset),
            _ => None,
        };
        if values || time.is_some() {
            Ok(Self::Alike { values, time })
        } else {
            Err(MappingError::NothingShared)
        }
    }

    /// Whether each slice below is made from the slice above of the same key: where both are cut alike and nothing shifts.
    pub fn same_keys(&self, above: &Partitioning, below: &Partitioning) -> bool {
        match self {
            Self::Alike { values, time } => {
                *values == above.values().is_some()
                    && *values == below.values().is_some()
                    && time.is_some() == above.time().is_some()
                    && time.is_some() == below.time().is_some()
                    && matches!(time, None | Some(TimeMapping::Offset(0)))
            }
            Self::All | Self::Last => false,
        }
    }

    /// Whether a slice below is made from a slice above. Which slice is the last changes with time, so any might be it.
    pub fn feeds(&self, above: &Partitioning, key: &str, below: &Partitioning, made: &str) -> bool {
        let Self::Alike { values, time } = *self else {
            return true;
        };
        let (Ok((their_value, their_time)), Ok((our_value, our_time))) =
            (above.split(key), below.split(made))
        else {
            return false;
        };
        if values && their_value != our_value {
            return false;
        }
        match (time, their_time, our_time) {
            (Some(TimeMapping::Offset(0)), Some(theirs), Some(ours)) => theirs == ours,
            (Some(TimeMapping::Offset(slices)), Some(theirs), Some(ours)) => above
                .time()
                .and_then(|time| time.offset(ours, slices))
                .is_some_and(|wanted| wanted == theirs),
            (Some(TimeMapping::Overlap), Some(theirs), Some(ours)) => {
                let window =
                    |slices: Option<&TimeSlices>, key| slices.and_then(|slices| slices.find(key).ok());
                match (window(above.time(), theirs), window(below.time(), ours)) {
                    (Some(theirs), Some(ours)) => theirs.0 < ours.1 && ours.0 < theirs.1,
                    _ => false,
                }
            }
            _ => true,
        }
    }

    /// The slices above that a slice below is made from, of those that there are.
    pub fn upstream(&self, above: &Keys<'_>, below: Option<&Partitioning>, made: &str) -> Upstream {
        let (Self::Alike { values, time }, Some(below)) = (*self, below) else {
            return match self {
                Self::Last => Upstream::Keys(above.last()),
                _ => Upstream::All,
            };
        };
        let theirs = above.partitioning();
        let Ok((value, ours)) = below.split(made) else {
            return Upstream::Keys(Vec::new());
        };
        let known: Vec<Option<&str>> = match (theirs.values(), value) {
            (Some(_), Some(value)) if values => {
                let there = above.values().iter().any(|known| known == value);
                there.then_some(Some(value)).into_iter().collect()
            }
            (Some(_), _) => above.values().iter().map(|value| Some(value.as_str())).collect(),
            (None, _) => vec![None],
        };
        let times: Vec<Option<String>> = match (theirs.time(), time) {
            (Some(slices), Some(time)) => windows(slices, time, below, ours.unwrap_or_default())
                .into_iter()
                .filter(|key| slices.has(key, above.now()))
                .map(Some)
                .collect(),
            (Some(slices), None) => slices
                .starts(above.now())
                .map(|start| Some(slices.key(start)))
                .collect(),
            (None, _) => vec![None],
        };
        let keys = known.iter().flat_map(|value| {
            times
                .iter()
                .filter_map(|time| theirs.join(*value, time.as_deref()))
        });
        Upstream::Keys(keys.collect())
    }
}

/// The keys of the windows above that belong to a window below.
fn windows(above: &TimeSlices, mapping: TimeMapping, below: &Partitioning, made: &str) -> Vec<String> {
    match mapping {
        TimeMapping::Offset(0) => vec![made.to_owned()],
        TimeMapping::Offset(slices) => above.offset(made, slices).into_iter().collect(),
        TimeMapping::Overlap => {
            let Some(Ok((start, end))) = below.time().map(|slices| slices.find(made)) else {
                return Vec::new();
            };
            // From the slice around the window's start, or from the first one.
            let from = above.around(start).unwrap_or(above.start);
            above
                .starts_from(from)
                .take_while(|at| *at < end)
                .map(|at| above.key(at))
                .collect()
        }
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Last => f.write_str("the last"),
            Self::Alike {
                time: Some(TimeMapping::Overlap),
                ..
            } => f.write_str("those that overlap"),
            Self::Alike {
                time: Some(TimeMapping::Offset(slices)),
                ..
            } if *slices != 0 => write!(f, "{slices:+} slices"),
            Self::Alike { .. } => f.write_str("the same"),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use chrono_tz::Tz;

    use super::*;
    use crate::plan::{Cadence, ValueSlices};

    fn time(cadence: Cadence, zone: Tz, start: &str) -> TimeSlices {
        TimeSlices::new(cadence, zone, start, None, None).unwrap()
    }

    fn days() -> Partitioning {
        Partitioning::Time(time(Cadence::Daily, Tz::UTC, "2024-01-01"))
    }

    fn months() -> Partitioning {
        Partitioning::Time(time(Cadence::Monthly, Tz::UTC, "2024-01"))
    }

    fn keys_of(values: &[&str]) -> ValueSlices {
        ValueSlices {
            values: Values::Static(values.iter().map(|value| (*value).to_owned()).collect()),
            column: None,
        }
    }

    fn dynamic(name: &str) -> ValueSlices {
        ValueSlices {
            values: Values::Dynamic(name.parse().unwrap()),
            column: None,
        }
    }

    fn now() -> DateTime<Utc> {
        "2024-03-10T12:00:00Z".parse().unwrap()
    }

    /// The slices above of one below, which are exactly those that feed it.
    fn made_from(
        above: &Partitioning,
        below: &Partitioning,
        told: Option<MappingDecl>,
        made: &str,
    ) -> Vec<String> {
        let mapping = Mapping::between(Some(above), Some(below), told).unwrap();
        let known = ["acme".to_owned(), "zeta".to_owned()];
        let keys = above.keys(now(), &known);
        let found = match mapping.upstream(&keys, Some(below), made) {
            Upstream::All => keys.all().collect(),
            Upstream::Keys(found) => found,
        };
        if mapping != Mapping::Last {
            let feeding: Vec<PartitionKey> = keys
                .all()
                .filter(|key| mapping.feeds(above, &key.0, below, made))
                .collect();
            assert_eq!(found, feeding, "{made}");
        }
        found.into_iter().map(|key| key.0).collect()
    }

    #[test]
    fn slices_of_one_cut_are_made_from_the_same() {
        let later = Partitioning::Time(time(Cadence::Daily, Tz::UTC, "2024-02-01"));
        assert_eq!(made_from(&days(), &later, None, "2024-02-03"), ["2024-02-03"]);
        // Not there above.
        assert_eq!(made_from(&later, &days(), None, "2024-01-03"), [""; 0]);
        let mapping = Mapping::between(Some(&days()), Some(&later), None).unwrap();
        assert!(mapping.same_keys(&days(), &later));
    }

    #[test]
    fn time_belongs_together_where_it_overlaps() {
        let february = made_from(&days(), &months(), None, "2024-02");
        assert_eq!(
            (february.len(), february[0].as_str(), february[28].as_str()),
            (29, "2024-02-01", "2024-02-29")
        );
        assert_eq!(made_from(&months(), &days(), None, "2024-02-29"), ["2024-02"]);
        // Until now.
        assert_eq!(made_from(&days(), &months(), None, "2024-03").len(), 10);
        let weeks = Partitioning::Time(time(Cadence::Weekly, Tz::UTC, "2024-01-01"));
        assert_eq!(
            made_from(&weeks, &months(), None, "2024-02"),
            [
                "2024-01-29",
                "2024-02-05",
                "2024-02-12",
                "2024-02-19",
                "2024-02-26"
            ]
        );
        // A day of another zone reaches into two.
        let tokyo = Partitioning::Time(time(Cadence::Daily, chrono_tz::Asia::Tokyo, "2024-01-01"));
        assert_eq!(
            made_from(&days(), &tokyo, None, "2024-02-01"),
            ["2024-01-31", "2024-02-01"]
        );
        let hours = Partitioning::Time(time(Cadence::Hourly, chrono_tz::Europe::London, "2024-01-01"));
        assert_eq!(made_from(&hours, &days(), None, "2024-02-01").len(), 24);
        // The slices above begin within the one below.
        let from_the_second = Partitioning::Time(time(Cadence::Daily, Tz::UTC, "2024-01-30"));
        assert_eq!(
            made_from(&from_the_second, &months(), None, "2024-01"),
            ["2024-01-30", "2024-01-31"]
        );
    }

    #[test]
    fn an_offset_goes_back_or_on() {
        let told = |slices| Some(MappingDecl::Offset(slices));
        assert_eq!(
            made_from(&days(), &days(), told(-1), "2024-03-01"),
            ["2024-02-29"]
        );
        assert_eq!(made_from(&days(), &days(), told(2), "2024-03-01"), ["2024-03-03"]);
        assert_eq!(made_from(&days(), &days(), told(-1), "2024-01-01"), [""; 0]);
        let both = |day: &str| Partitioning::Both(keys_of(&["eu", "us"]), time(Cadence::Daily, Tz::UTC, day));
        assert_eq!(
            made_from(
                &both("2024-01-01"),
                &both("2024-01-01"),
                told(-1),
                "us|2024-03-01"
            ),
            ["us|2024-02-29"]
        );
        assert_eq!(
            Mapping::between(Some(&days()), Some(&months()), told(-1)),
            Err(MappingError::Offset)
        );
        assert_eq!(
            Mapping::between(Some(&days()), None, told(-1)),
            Err(MappingError::Offset)
        );
        assert_eq!(
            Mapping::between(None, Some(&days()), told(-1)),
            Err(MappingError::Whole)
        );
    }

    #[test]
    fn values_belong_together_where_they_are_equal() {
        let (more, fewer) = (
            Partitioning::Values(keys_of(&["eu", "us", "asia"])),
            Partitioning::Values(keys_of(&["us", "africa"])),
        );
        assert_eq!(made_from(&more, &fewer, None, "us"), ["us"]);
        assert_eq!(made_from(&more, &fewer, None, "africa"), [""; 0]);
        let customers = Partitioning::Values(dynamic("customers"));
        assert_eq!(made_from(&customers, &customers, None, "zeta"), ["zeta"]);
        for other in [Partitioning::Values(dynamic("shops")), more] {
            assert_eq!(
                Mapping::between(Some(&other), Some(&customers), None),
                Err(MappingError::Values)
            );
        }
    }

    #[test]
    fn of_two_dimensions_the_shared_one_counts() {
        let both = Partitioning::Both(
            keys_of(&["eu", "us"]),
            time(Cadence::Daily, Tz::UTC, "2024-03-01"),
        );
        let regions = Partitioning::Values(keys_of(&["eu", "us"]));
        assert_eq!(
            made_from(&both, &days(), None, "2024-03-02"),
            ["eu|2024-03-02", "us|2024-03-02"]
        );
        assert_eq!(made_from(&both, &regions, None, "us").len(), 10);
        assert_eq!(made_from(&days(), &both, None, "us|2024-03-02"), ["2024-03-02"]);
        assert_eq!(made_from(&regions, &both, None, "us|2024-03-02"), ["us"]);
        assert_eq!(made_from(&both, &both, None, "us|2024-03-02"), ["us|2024-03-02"]);
        assert_eq!(made_from(&both, &months(), None, "2024-03").len(), 20);
        let mapping = Mapping::between(Some(&both), Some(&days()), None).unwrap();
        assert!(!mapping.same_keys(&both, &days()));
    }

    #[test]
    fn what_has_nothing_in_common_must_be_told() {
        let regions = Partitioning::Values(keys_of(&["eu"]));
        assert_eq!(
            Mapping::between(Some(&days()), Some(&regions), None),
            Err(MappingError::NothingShared)
        );
        assert_eq!(
            made_from(&days(), &regions, Some(MappingDecl::All), "eu").len(),
            70
        );
        assert_eq!(
            made_from(&days(), &regions, Some(MappingDecl::Last), "eu"),
            ["2024-03-10"]
        );
        let both = Partitioning::Both(dynamic("customers"), time(Cadence::Daily, Tz::UTC, "2024-01-01"));
        assert_eq!(
            made_from(&both, &regions, Some(MappingDecl::Last), "eu"),
            ["acme|2024-03-10", "zeta|2024-03-10"]
        );
        assert_eq!(Mapping::between(Some(&days()), None, None), Ok(Mapping::All));
        assert_eq!(Mapping::between(None, Some(&days()), None), Ok(Mapping::All));
    }
}
