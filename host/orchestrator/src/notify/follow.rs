//! A look at outcomes: what comes of it is kept in one transaction.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use tidegate_core::Result;
use tidegate_core::plan::{AssetName, RunId};
use tidegate_core::port::{Leader, NewDelivery, Notices, Outcome, StateStore};
use uuid::Uuid;

use super::happening::{Happening, RunFacts, of_check, of_freshness, of_run};
use super::incident::{Incidents, News, grouped};
use super::message::Message;
use super::rule::Rule;

/// Outcomes that are looked at at once.
const OUTCOMES_PER_LOOK: u32 = 200;

/// Looks at the oldest outcomes; answers whether there may be more. `known` has the number behind which outcomes are a
/// notification's business.
pub(super) async fn look(
    state: &dyn StateStore,
    leader: &Leader,
    project: &str,
    rules: &[Rule],
    known: &HashMap<AssetName, i64>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let outcomes = state.outcomes(OUTCOMES_PER_LOOK).await?;
    if outcomes.is_empty() {
        return Ok(false);
    }
    let more = outcomes.len() == OUTCOMES_PER_LOOK as usize;
    let mut notices = Notices {
        seen: outcomes.iter().map(|(sequence, _)| *sequence).collect(),
        ..Notices::default()
    };
    if !rules.is_empty() {
        let mut incidents = Incidents::new(state.incidents().await?);
        let mut runs = HashMap::new();
        for (_, outcome) in &outcomes {
            if let Outcome::Run(end) = outcome
                && let Some(facts) = facts(state, end.run).await?
            {
                runs.insert(end.run, facts);
            }
        }
        for rule in rules {
            let after = known.get(&rule.name).copied().unwrap_or(i64::MAX);
            let own = outcomes.iter().filter(|(sequence, _)| *sequence > after);
            let news: Vec<News> = own
                .flat_map(|(sequence, outcome)| happenings(*sequence, rule, outcome, &runs))
                .filter_map(|happening| incidents.take(rule, happening, now))
                .collect();
            notices.deliveries.extend(deliveries(project, rule, news, now));
        }
        (notices.open, notices.closed) = incidents.changes();
    }
    Ok(state.keep_notices(leader, &notices).await? && more)
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
