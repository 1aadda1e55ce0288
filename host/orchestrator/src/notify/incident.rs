//! Incidents: a failure is told once, and its end too.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tidegate_core::plan::{AssetName, PartitionKey};
use tidegate_core::port::{Incident, NotificationEvent, Subject};

use super::happening::Happening;
use super::rule::Rule;

type Key = (AssetName, Subject, PartitionKey);

/// The incidents that go on, and what a look changes of them.
#[derive(Debug, Default)]
pub(super) struct Incidents {
    known: BTreeMap<Key, Incident>,
    touched: BTreeMap<Key, Incident>,
}

/// News: what happened, and the incident that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct News {
    pub(super) happening: Happening,
    pub(super) incident: Incident,
}

impl Incidents {
    /// Those that the store knows.
    pub(super) fn new(known: Vec<Incident>) -> Self {
        let key = |incident: &Incident| {
            (
                incident.notification.clone(),
                incident.subject.clone(),
                incident.partition.clone(),
            )
        };
        Self {
            known: known
                .into_iter()
                .map(|incident| (key(&incident), incident))
                .collect(),
            touched: BTreeMap::new(),
        }
    }

    /// Takes in what happened; answers it where it is news. A failure that goes on is counted, and told again where `now` is late
    /// enough for that.
    pub(super) fn take(&mut self, rule: &Rule, happening: Happening, now: DateTime<Utc>) -> Option<News> {
        let wanted = rule.on.contains(&happening.event);
        let key = (
            rule.name.clone(),
            happening.subject.clone(),
            happening.partition.clone(),
        );
        if !happening.failed() {
            let incident = self.known.remove(&key)?;
            self.touched.insert(key, incident.clone());
            return wanted.then_some(News { happening, incident });
        }
        if !wanted {
            return None;
        }
        // An asset that becomes late was not: its incident may have ended untold, where its policy was changed.
        if matches!(happening.subject, Subject::Freshness(_)) {
            self.known.remove(&key);
        }
        let mut news = false;
        let incident = self.known.entry(key.clone()).or_insert_with(|| {
            news = true;
            Incident {
                notification: rule.name.clone(),
                subject: happening.subject.clone(),
                partition: happening.partition.clone(),
                failures: 0,
                opened_at: happening.at,
                notified_at: now,
            }
        });
        incident.failures += 1;
        let told_ms = (now - incident.notified_at).num_milliseconds();
        if rule
            .repeat_after_ms
            .is_some_and(|after| u64::try_from(told_ms).is_ok_and(|told| told >= after))
        {
            news = true;
            incident.notified_at = now;
        }
        let incident = incident.clone();
        self.touched.insert(key, incident.clone());
        news.then_some(News { happening, incident })
    }

    /// What is to be kept: incidents that go on, and those that are over.
    pub(super) fn changes(self) -> (Vec<Incident>, Vec<Incident>) {
        let open: BTreeSet<&Key> = self.known.keys().collect();
        let (open, closed): (Vec<_>, Vec<_>) = self.touched.iter().partition(|(key, _)| open.contains(key));
        let kept = |changed: Vec<(&Key, &Incident)>| {
            changed
                .into_iter()
                .map(|(_, incident)| incident.clone())
                .collect()
        };
        (kept(open), kept(closed))
    }
}

/// News of one event and subject: one message.
pub(super) type Group = ((NotificationEvent, Subject), Vec<News>);

/// The news of a look, those of one event and subject together, in the order in which they came: what became of one slice is
/// never told before what had become of it earlier. No two of one event and subject begin with the same outcome.
pub(super) fn grouped(news: Vec<News>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    // The last group that tells of a slice.
    let mut last: BTreeMap<(Subject, PartitionKey), usize> = BTreeMap::new();
    for each in news {
        let Happening { event, subject, .. } = &each.happening;
        let key = (*event, subject.clone());
        let slice = (subject.clone(), each.happening.partition.clone());
        let outcome = each.happening.outcome;
        let known = groups.iter().rposition(|(known, _)| *known == key).filter(|at| {
            let later = last.get(&slice).is_some_and(|told| told > at);
            let same = groups[*at]
                .1
                .first()
                .is_some_and(|first| first.happening.outcome == outcome);
            same || !later
        });
        let at = known.unwrap_or(groups.len());
        match known {
            Some(at) => groups[at].1.push(each),
            None => groups.push((key, vec![each])),
        }
        last.insert(slice, at);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(repeat_after_ms: Option<u64>) -> Rule {
        Rule {
            name: "on_call".parse().unwrap(),
            on: vec![NotificationEvent::RunFailed, NotificationEvent::RunRecovered],
            assets: None,
            jobs: BTreeSet::new(),
            repeat_after_ms,
        }
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn happening(event: NotificationEvent, partition: &str, second: i64) -> Happening {
        Happening {
            outcome: second,
            event,
            subject: Subject::Asset("orders".parse().unwrap()),
            partition: PartitionKey(partition.into()),
            at: at(second),
            run: None,
            error: None,
            check: None,
            due_at: None,
        }
    }

    use NotificationEvent::{CheckFailed, RunFailed, RunRecovered};

    #[test]
    fn a_failure_is_told_once_and_its_end_with_their_number() {
        let mut incidents = Incidents::default();
        let rule = rule(None);
        let mut take = |event, partition, second| {
            let news = incidents.take(&rule, happening(event, partition, second), at(second));
            news.map(|news| news.incident.failures)
        };
        assert_eq!(take(RunRecovered, "", 1), None);
        assert_eq!(take(RunFailed, "", 2), Some(1));
        assert_eq!(take(RunFailed, "", 3), None);
        assert_eq!(take(RunFailed, "a", 4), Some(1));
        assert_eq!(take(CheckFailed, "", 5), None);
        assert_eq!(take(RunRecovered, "", 6), Some(2));
        assert_eq!(take(RunRecovered, "", 7), None);
        let (open, closed) = incidents.changes();
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].partition.0.as_str(), open[0].opened_at), ("a", at(4)));
        assert_eq!(closed.len(), 1);
        assert_eq!((closed[0].failures, closed[0].opened_at), (2, at(2)));
    }

    #[test]
    fn a_failure_that_goes_on_is_told_again_when_the_time_has_passed() {
        let mut incidents = Incidents::default();
        let rule = rule(Some(10_000));
        let told: Vec<i64> = (0..30)
            .filter(|second| {
                incidents
                    .take(&rule, happening(RunFailed, "", *second), at(*second))
                    .is_some()
            })
            .collect();
        assert_eq!(told, [0, 10, 20]);
    }

    #[test]
    fn an_asset_that_becomes_late_again_is_told_again() {
        let mut incidents = Incidents::default();
        let mut rule = rule(None);
        rule.on = vec![NotificationEvent::FreshnessFailed];
        let told = (1..3).filter_map(|second| {
            let late = Happening {
                subject: Subject::Freshness("orders".parse().unwrap()),
                ..happening(NotificationEvent::FreshnessFailed, "", second)
            };
            incidents.take(&rule, late, at(second))
        });
        assert_eq!(told.count(), 2);
    }

    #[test]
    fn slices_of_one_subject_are_one_message() {
        let mut incidents = Incidents::default();
        let rule = rule(None);
        let all = [(RunFailed, "a"), (RunFailed, "b"), (RunRecovered, "a")];
        let news = all
            .iter()
            .filter_map(|(event, key)| incidents.take(&rule, happening(*event, key, 1), at(1)));
        let groups = grouped(news.collect());
        let found: Vec<_> = groups
            .iter()
            .map(|((event, _), news)| (*event, news.len()))
            .collect();
        assert_eq!(found, [(RunFailed, 2), (RunRecovered, 1)]);
    }

    #[test]
    fn what_became_of_a_slice_is_told_in_its_order() {
        let mut incidents = Incidents::default();
        let rule = rule(None);
        let all = [
            (RunFailed, "a", 1),
            (RunRecovered, "a", 2),
            (RunFailed, "b", 3),
            (RunFailed, "a", 4),
            (RunRecovered, "b", 5),
        ];
        let news = all
            .iter()
            .filter_map(|(event, key, at_s)| incidents.take(&rule, happening(*event, key, *at_s), at(*at_s)));
        let found: Vec<_> = grouped(news.collect())
            .into_iter()
            .map(|((event, _), news)| {
                let outcomes: Vec<i64> = news.iter().map(|each| each.happening.outcome).collect();
                (event, outcomes)
            })
            .collect();
        let expected = [
            (RunFailed, vec![1, 3]),
            (RunRecovered, vec![2, 5]),
            (RunFailed, vec![4]),
        ];
        assert_eq!(found, expected);
        // What was told last is how it stands.
        let (open, _) = incidents.changes();
        assert_eq!(open.len(), 1);
    }
}
