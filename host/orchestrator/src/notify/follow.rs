//! A look at outcomes: what comes of it is kept in one transaction.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use tidegate_core::Result;
use tidegate_core::plan::{AssetName, RunId};
use tidegate_core::port::{
    Incident, Leader, NewDelivery, Notices, NotificationEvent, NotificationRecord, Outcome, StateStore,
    Subject,
};
use uuid::Uuid;

use super::happening::{Happening, RunFacts, of_check, of_freshness, of_run};
use super::incident::{Incidents, News, grouped};
use super::message::Message;
use super::rule::Rule;
use crate::run::Orchestrator;

/// Outcomes that are looked at at once.
const OUTCOMES_PER_LOOK: u32 = 200;

/// Which outcomes are whose business.
#[derive(Debug)]
pub(super) struct Known {
    /// The number behind which outcomes are a notification's business.
    after: HashMap<AssetName, i64>,
    /// The number behind which runs are anybody's; others are not asked about.
    runs_after: i64,
}

impl Known {
    /// `open` are the incidents that go on: one of runs waits for its end though its notification tells of no runs any more.
    pub(super) fn new(rules: &[Rule], records: Vec<NotificationRecord>, open: &[Incident]) -> Self {
        let after: HashMap<AssetName, i64> = records
            .into_iter()
            .map(|record| (record.name, record.after_outcome))
            .collect();
        let of_runs = |incident: &Incident| matches!(incident.subject, Subject::Job(_) | Subject::Asset(_));
        let looks_at_runs = |rule: &&Rule| {
            rule.on.contains(&NotificationEvent::RunFailed)
                || open
                    .iter()
                    .any(|incident| incident.notification == rule.name && of_runs(incident))
        };
        let runs_after = rules
            .iter()
            .filter(looks_at_runs)
            .filter_map(|rule| after.get(&rule.name).copied())
            .min();
        Self {
            after,
            runs_after: runs_after.unwrap_or(i64::MAX),
        }
    }

    fn after(&self, rule: &Rule) -> i64 {
        self.after.get(&rule.name).copied().unwrap_or(i64::MAX)
    }
}

/// Looks at the oldest outcomes; answers whether there may be more. Those that cannot be read are warned of and removed with the
/// others.
pub(super) async fn look(
    orchestrator: &Orchestrator,
    leader: &Leader,
    rules: &[Rule],
    known: &Known,
    now: DateTime<Utc>,
) -> Result<bool> {
    let Orchestrator {
        project,
        state,
        observer,
        ..
    } = orchestrator;
    let found = state.outcomes(OUTCOMES_PER_LOOK).await?;
    if found.is_empty() {
        return Ok(false);
    }
    let more = found.len() == OUTCOMES_PER_LOOK as usize;
    let mut notices = Notices::default();
    let (mut outcomes, mut unread) = (Vec::new(), Vec::new());
    for (sequence, outcome) in found {
        notices.seen.push(sequence);
        match outcome {
            Ok(outcome) => outcomes.push((sequence, outcome)),
            Err(error) => unread.push(error),
        }
    }
    let runs = runs(&**state, &outcomes, known.runs_after).await?;
    let happened = |rule| -> Vec<Happening> {
        let after = known.after(rule);
        let own = outcomes.iter().filter(|(sequence, _)| *sequence > after);
        own.flat_map(|(sequence, outcome)| happenings(*sequence, rule, outcome, &runs))
            .collect()
    };
    let happened: Vec<(&Rule, Vec<Happening>)> = rules.iter().map(|rule| (rule, happened(rule))).collect();
    if happened.iter().any(|(_, happenings)| !happenings.is_empty()) {
        let name = project.documents().project.value.name.to_string();
        let mut incidents = Incidents::new(state.incidents().await?);
        for (rule, happenings) in happened {
            let news: Vec<News> = happenings
                .into_iter()
                .filter_map(|happening| incidents.take(rule, happening, now))
                .collect();
            notices.deliveries.extend(deliveries(&name, rule, news, now));
        }
        (notices.open, notices.closed) = incidents.changes();
    }
    if !state.keep_notices(leader, &notices).await? {
        return Ok(false);
    }
    // They are gone now, so each is warned of once.
    for error in &unread {
        observer.warning(error);
    }
    Ok(more)
}

/// What is known of the runs that ended behind an outcome.
async fn runs(
    state: &dyn StateStore,
    outcomes: &[(i64, Outcome)],
    after: i64,
) -> Result<HashMap<RunId, RunFacts>> {
    let mut runs = HashMap::new();
    for (sequence, outcome) in outcomes {
        if let Outcome::Run(end) = outcome
            && *sequence > after
            && let Some(facts) = facts(state, end.run).await?
        {
            runs.insert(end.run, facts);
        }
    }
    Ok(runs)
}

/// What is known of a run; none where it was removed in the meantime.
async fn facts(state: &dyn StateStore, run: RunId) -> Result<Option<RunFacts>> {
    let Some(record) = state.run(run).await? else {
        return Ok(None);
    };
    let partitions = state.run_partitions(run).await?;
    Ok(Some(RunFacts { record, partitions }))
}

fn happenings(
    sequence: i64,
    rule: &Rule,
    outcome: &Outcome,
    runs: &HashMap<RunId, RunFacts>,
) -> Vec<Happening> {
    match outcome {
        Outcome::Run(end) => runs
            .get(&end.run)
            .map(|facts| of_run(sequence, rule, end, facts))
            .unwrap_or_default(),
        Outcome::Check(result) => of_check(sequence, rule, result).into_iter().collect(),
        Outcome::Freshness(change) => of_freshness(sequence, rule, change).into_iter().collect(),
    }
}

fn deliveries(project: &str, rule: &Rule, news: Vec<News>, at: DateTime<Utc>) -> Vec<NewDelivery> {
    grouped(news)
        .into_iter()
        .filter_map(|((event, subject), news)| {
            let message = Message::of(project, &rule.name, event, &subject, &news)?;
            Some(NewDelivery {
                id: Uuid::now_v7(),
                notification: rule.name.clone(),
                event,
                subject,
                outcome: news.first()?.happening.outcome,
                body: serde_json::to_value(message).ok()?,
                at,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tidegate_core::plan::PartitionKey;

    use super::*;

    #[test]
    fn runs_are_asked_about_only_where_somebody_is_told_of_them() {
        use NotificationEvent::{CheckFailed, RunFailed};
        let rule = |name: &str, event| Rule {
            name: name.parse().unwrap(),
            on: vec![event],
            assets: None,
            jobs: BTreeSet::new(),
            repeat_after_ms: None,
        };
        let rules = [
            rule("checks", CheckFailed),
            rule("new", RunFailed),
            rule("old", RunFailed),
        ];
        let records = |rules: &[Rule]| {
            let each = |(after_outcome, rule): (i64, &Rule)| NotificationRecord {
                name: rule.name.clone(),
                after_outcome,
                since: DateTime::UNIX_EPOCH,
            };
            [3, 9, 7].into_iter().zip(rules).map(each).collect::<Vec<_>>()
        };
        let runs_after =
            |rules: &[Rule], open: &[Incident]| Known::new(rules, records(rules), open).runs_after;
        assert_eq!(runs_after(&rules, &[]), 7);
        assert_eq!(runs_after(&rules[..1], &[]), i64::MAX);
        // One that told of runs before must still learn that they are well.
        let open = Incident {
            notification: rules[0].name.clone(),
            subject: Subject::Asset("orders".parse().unwrap()),
            partition: PartitionKey::whole(),
            failures: 1,
            opened_at: DateTime::UNIX_EPOCH,
            notified_at: DateTime::UNIX_EPOCH,
        };
        assert_eq!(runs_after(&rules, std::slice::from_ref(&open)), 3);
        let check = Incident {
            subject: Subject::Check("orders".parse().unwrap(), "ids".into()),
            ..open
        };
        assert_eq!(runs_after(&rules, &[check]), 7);
    }
}
