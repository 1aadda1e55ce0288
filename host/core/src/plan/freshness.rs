//! Whether an asset is as new as it must be.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::timetable::Timetable;

/// How new an asset must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshnessPolicy {
    /// Its last materialization is no older than this, in milliseconds.
    pub within_ms: Option<u64>,
    /// At each of these something was materialized since the one before.
    pub deadlines: Option<Timetable>,
}

/// Whether an asset is as new as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreshnessStatus {
    /// It is.
    Fresh,
    /// It is not: a materialization that was expected did not come.
    Late,
    /// It was never materialized, and nobody has waited long enough to call it late.
    Unknown,
}

impl FreshnessStatus {
    /// As the store and the command line write it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Late => "late",
            Self::Unknown => "unknown",
        }
    }

    /// The status that [`FreshnessStatus::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Fresh, Self::Late, Self::Unknown]
            .into_iter()
            .find(|status| status.text() == text)
    }
}

/// How an asset stands at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness {
    /// Whether it is as new as it must be.
    pub status: FreshnessStatus,
    /// By when the next materialization is expected, or was; none where nothing is known to count from.
    pub due_at: Option<DateTime<Utc>>,
    /// When it was materialized last.
    pub last_at: Option<DateTime<Utc>>,
}

impl FreshnessPolicy {
    /// How an asset stands at `now`: materialized last at `last_at`, if ever, and watched since `watched_since`, if anybody
    /// does. An asset that was never materialized is waited for from then on.
    pub fn at(
        &self,
        now: DateTime<Utc>,
        last_at: Option<DateTime<Utc>>,
        watched_since: Option<DateTime<Utc>>,
    ) -> Freshness {
        let due_at = match (last_at, watched_since) {
            (Some(last), _) => self.due_behind(last, true),
            (None, Some(since)) => self.due_behind(since, false),
            (None, None) => None,
        };
        let status = match (due_at, last_at) {
            (Some(due), _) if now > due => FreshnessStatus::Late,
            (_, Some(_)) => FreshnessStatus::Fresh,
            (_, None) => FreshnessStatus::Unknown,
        };
        Freshness {
            status,
            due_at,
            last_at,
        }
    }

    /// By when something new is expected behind an instant: at which something was `loaded`, which then does for the deadline
    /// that follows, or at which the waiting began.
    fn due_behind(&self, instant: DateTime<Utc>, loaded: bool) -> Option<DateTime<Utc>> {
        let within = self
            .within_ms
            .and_then(|ms| TimeDelta::try_milliseconds(i64::try_from(ms).ok()?))
            .and_then(|within| instant.checked_add_signed(within));
        let deadline = self.deadlines.as_ref().and_then(|deadlines| {
            if loaded {
                // At a deadline itself it does for that one.
                let done = deadlines.next_after(instant - TimeDelta::microseconds(1))?;
                deadlines.next_after(done)
            } else {
                deadlines.next_after(instant)
            }
        });
        within.into_iter().chain(deadline).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn policy(within_ms: Option<u64>, cron: Option<&str>, zone: &str) -> FreshnessPolicy {
        FreshnessPolicy {
            within_ms,
            deadlines: cron.map(|cron| Timetable::crons(&[cron.to_owned()], zone).unwrap()),
        }
    }

    fn status(policy: &FreshnessPolicy, last: Option<&str>, now: &str) -> FreshnessStatus {
        policy.at(instant(now), last.map(instant), None).status
    }

    #[test]
    fn what_is_older_than_it_may_be_is_late() {
        let policy = policy(Some(26 * 3_600_000), None, "UTC");
        let last = Some("2024-03-01T06:00:00Z");
        assert_eq!(
            status(&policy, last, "2024-03-02T08:00:00Z"),
            FreshnessStatus::Fresh
        );
        assert_eq!(
            status(&policy, last, "2024-03-02T08:00:00.001Z"),
            FreshnessStatus::Late
        );
        assert_eq!(
            status(&policy, None, "2030-01-01T00:00:00Z"),
            FreshnessStatus::Unknown
        );
    }

    #[test]
    fn a_deadline_is_met_by_what_came_since_the_one_before() {
        let policy = policy(None, Some("0 8 * * *"), "UTC");
        // Before Monday's deadline: does for Monday, and is late from Tuesday's on.
        let early = Some("2024-03-04T07:00:00Z");
        assert_eq!(
            status(&policy, early, "2024-03-05T08:00:00Z"),
            FreshnessStatus::Fresh
        );
        assert_eq!(
            status(&policy, early, "2024-03-05T08:00:01Z"),
            FreshnessStatus::Late
        );
        // Behind Monday's: does for Tuesday.
        let after = Some("2024-03-04T08:30:00Z");
        assert_eq!(
            status(&policy, after, "2024-03-05T09:00:00Z"),
            FreshnessStatus::Fresh
        );
        assert_eq!(
            status(&policy, after, "2024-03-06T09:00:00Z"),
            FreshnessStatus::Late
        );
        // On the deadline itself: does for that one only.
        let on = Some("2024-03-04T08:00:00Z");
        assert_eq!(status(&policy, on, "2024-03-05T08:00:01Z"), FreshnessStatus::Late);
    }

    #[test]
    fn deadlines_are_read_on_the_clock_of_their_zone() {
        // Clocks go forward in the night to 2024-03-31: 08:00 in Berlin is 06:00 UTC from then on.
        let policy = policy(None, Some("0 8 * * *"), "Europe/Berlin");
        let last = Some("2024-03-30T06:00:00Z");
        assert_eq!(
            status(&policy, last, "2024-03-31T05:59:00Z"),
            FreshnessStatus::Fresh
        );
        assert_eq!(
            status(&policy, last, "2024-03-31T06:00:01Z"),
            FreshnessStatus::Late
        );
    }

    #[test]
    fn the_earlier_of_two_rules_counts_and_what_never_came_is_waited_for() {
        let both = policy(Some(3_600_000), Some("0 8 * * *"), "UTC");
        let found = both.at(
            instant("2024-03-04T07:30:00Z"),
            None,
            Some(instant("2024-03-04T07:15:00Z")),
        );
        assert_eq!(found.status, FreshnessStatus::Unknown);
        assert_eq!(found.due_at, Some(instant("2024-03-04T08:00:00Z")));
        let found = both.at(
            instant("2024-03-04T08:00:01Z"),
            None,
            Some(instant("2024-03-04T07:15:00Z")),
        );
        assert_eq!(found.status, FreshnessStatus::Late);
        let found = both.at(
            instant("2024-03-04T08:01:00Z"),
            Some(instant("2024-03-04T08:00:30Z")),
            None,
        );
        assert_eq!(found.due_at, Some(instant("2024-03-04T09:00:30Z")));
    }
}
