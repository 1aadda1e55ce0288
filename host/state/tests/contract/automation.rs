//! Automation: an evaluation is kept once, with its runs and what conditions remember, by the leader alone.

use std::collections::BTreeMap;

use tidegate_core::plan::{Digest, Explained, KeptMemory, PartitionKey};
use tidegate_core::port::{
    AutomationStore, CheckStore, EVALUATIONS_KEPT, Instigator, InstigatorKind, Leader, LeaderStore,
    NewAssetEvaluation, NewEvaluation, NewRun, RunFilter, RunMove, RunState, Severity, StateStore, TickStore,
    Ticked, Verdict,
};

use crate::support::{Place, asset, at, error, granted, materialization, new_run, run_of, worker};

on_both![
    an_evaluation_is_kept_once_with_all_that_comes_of_it,
    a_leader_that_was_replaced_evaluates_no_more,
    evaluations_are_bounded_and_memories_forgotten,
    what_is_started_or_stopped_remembers_nothing,
    open_partitions_are_of_runs_that_have_not_ended,
    a_memory_that_cannot_be_read_holds_up_no_other,
    what_blocking_checks_keep_back_is_told_until_something_is_loaded,
];

async fn leads(place: &Place) -> Leader {
    place.store.lead(&worker("w1"), None).await.unwrap().unwrap()
}

fn memory() -> KeptMemory {
    let range = (PartitionKey("2024-01".into()), PartitionKey("2024-03".into()));
    KeptMemory {
        condition: Digest::of(b"eager"),
        cut: None,
        requested: vec![range.clone()],
        code: None,
        parts: BTreeMap::from([("0.1".to_owned(), vec![range])]),
    }
}

fn evaluation(seen_sequence: i64) -> NewEvaluation {
    let run = NewRun {
        run_key: Some(format!("automation:{}:0", seen_sequence + 1)),
        ..new_run(&[("orders", "2024-01")])
    };
    let tree = Explained {
        condition: "missing".into(),
        holds: 1,
        ranges: Vec::new(),
        why: None,
        parts: Vec::new(),
    };
    NewEvaluation {
        seen_sequence,
        at: at(seen_sequence),
        seen: vec![(0, 4), (6, 7)],
        assets: vec![NewAssetEvaluation {
            asset: asset("orders"),
            requested: 1,
            runs: vec![run.id],
            explained: Some(tree),
            error: None,
        }],
        runs: vec![run],
        memories: vec![(asset("orders"), Some(memory()))],
    }
}

async fn count_runs(place: &Place) -> usize {
    let filter = RunFilter {
        limit: 1_000,
        ..RunFilter::default()
    };
    place.store.runs(&filter).await.unwrap().len()
}

async fn an_evaluation_is_kept_once_with_all_that_comes_of_it(place: &Place) {
    let leader = leads(place).await;
    assert_eq!(place.store.automation_cursor().await.unwrap().sequence, 0);
    let new = evaluation(0);
    assert!(matches!(
        place.store.keep_evaluation(&leader, &new).await.unwrap(),
        Ticked::Kept(_)
    ));
    // The answer was lost, and it is tried again: nothing is doubled.
    assert_eq!(
        place.store.keep_evaluation(&leader, &new).await.unwrap(),
        Ticked::Stale
    );
    assert_eq!(
        place
            .store
            .keep_evaluation(&leader, &evaluation(5))
            .await
            .unwrap(),
        Ticked::Stale
    );
    assert_eq!(count_runs(place).await, 1);
    let cursor = place.store.automation_cursor().await.unwrap();
    assert_eq!((cursor.sequence, cursor.evaluated_at), (1, Some(at(0))));
    assert_eq!(cursor.seen, Some(vec![(0, 4), (6, 7)]));
    let memories = place.store.automation_memories().await.unwrap();
    assert_eq!(memories, [(asset("orders"), Ok(memory()))]);
    let kept = place.store.evaluations(&asset("orders"), 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].sequence, kept[0].runs[0]), (1, new.runs[0].id));
    assert_eq!(kept[0].explained, new.assets[0].explained);
    assert!(matches!(
        place
            .store
            .keep_evaluation(&leader, &evaluation(1))
            .await
            .unwrap(),
        Ticked::Kept(_)
    ));
}

async fn a_leader_that_was_replaced_evaluates_no_more(place: &Place) {
    let first = leads(place).await;
    place
        .store
        .lead(&worker("w2"), Some(&first))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        place.store.keep_evaluation(&first, &evaluation(0)).await.unwrap(),
        Ticked::NotLeading
    );
    assert_eq!(count_runs(place).await, 0);
    assert_eq!(place.store.automation_cursor().await.unwrap().sequence, 0);
}

async fn evaluations_are_bounded_and_memories_forgotten(place: &Place) {
    let leader = leads(place).await;
    for seen in 0..EVALUATIONS_KEPT + 5 {
        let new = NewEvaluation {
            runs: Vec::new(),
            ..evaluation(seen)
        };
        place.store.keep_evaluation(&leader, &new).await.unwrap();
    }
    let kept = place.store.evaluations(&asset("orders"), 1_000).await.unwrap();
    assert_eq!(kept.len() as i64, EVALUATIONS_KEPT);
    assert_eq!(kept[0].sequence, EVALUATIONS_KEPT + 5);
    let forget = NewEvaluation {
        memories: vec![(asset("orders"), None)],
        assets: Vec::new(),
        runs: Vec::new(),
        ..evaluation(EVALUATIONS_KEPT + 5)
    };
    place.store.keep_evaluation(&leader, &forget).await.unwrap();
    assert_eq!(place.store.automation_memories().await.unwrap(), []);
}

async fn what_is_started_or_stopped_remembers_nothing(place: &Place) {
    let leader = leads(place).await;
    for (seen, on) in [(0, false), (1, true)] {
        let mut new = evaluation(seen);
        new.memories.push((asset("customers"), Some(memory())));
        place.store.keep_evaluation(&leader, &new).await.unwrap();
        let mut which = Instigator {
            kind: InstigatorKind::Sensor,
            name: asset("orders"),
        };
        place.store.enable_instigator(&which, on, at(1)).await.unwrap();
        assert_eq!(place.store.automation_memories().await.unwrap().len(), 2);
        which.kind = InstigatorKind::Automation;
        place.store.enable_instigator(&which, on, at(1)).await.unwrap();
        let left = place.store.automation_memories().await.unwrap();
        assert_eq!(left, [(asset("customers"), Ok(memory()))], "{on}");
    }
}

async fn open_partitions_are_of_runs_that_have_not_ended(place: &Place) {
    assert_eq!(place.store.open_partitions().await.unwrap(), []);
    let run = new_run(&[("orders", "2024-01"), ("orders", "2024-02")]);
    place.store.insert_run(&run).await.unwrap();
    let mut open = place.store.open_partitions().await.unwrap();
    open.sort();
    assert_eq!(open, run.partitions);
    let of = place.store.assets_of_runs(&[run.id]).await.unwrap();
    assert_eq!(of[&run.id], [asset("orders")]);
    assert_eq!(place.store.last_update().await.unwrap(), 0);
    assert_eq!(place.store.updates(0, 10).await.unwrap(), []);
    // What failed may be tried again for as long as the run goes on; what was loaded is done with.
    let failed = granted(place, run.id, ("orders", "2024-01"), "w", 0).await;
    let stopped = place.store.fail_attempt(&failed, &error("once"), at(1)).await;
    assert!(stopped.unwrap());
    let loaded = granted(place, run.id, ("orders", "2024-02"), "w", 1).await;
    place
        .store
        .finish_materialized(&loaded, &materialization(&loaded, 2, 2), &[], &[])
        .await
        .unwrap();
    assert_eq!(place.store.open_partitions().await.unwrap(), run.partitions[..1]);
    let ends = RunMove {
        run: run.id,
        from: RunState::Queued,
        to: RunState::Failed,
        seen: None,
        holder: None,
        reserved: None,
        error: Some(error("for good")),
        by: worker("w"),
        at: at(3),
    };
    assert!(place.store.move_run(&ends).await.unwrap());
    assert_eq!(place.store.open_partitions().await.unwrap(), []);
}

async fn a_memory_that_cannot_be_read_holds_up_no_other(place: &Place) {
    let leader = leads(place).await;
    let mut new = evaluation(0);
    new.memories.push((asset("customers"), Some(memory())));
    place.store.keep_evaluation(&leader, &new).await.unwrap();
    place
        .raw("UPDATE automation_memory SET body = '{\"condition\": 7}' WHERE asset = 'customers'")
        .await;
    let found = place.store.automation_memories().await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(
        found[0].0 == asset("customers") && found[0].1.is_err(),
        "{found:?}"
    );
    assert_eq!(found[1], (asset("orders"), Ok(memory())));
}

async fn what_blocking_checks_keep_back_is_told_until_something_is_loaded(place: &Place) {
    let store = &place.store;
    let verdict = |check: &str, passed: bool, severity: Severity, blocking: bool| Verdict {
        check: check.to_owned(),
        passed,
        severity,
        blocking,
        message: String::new(),
        measures: Vec::new(),
    };
    let run = run_of(place, &[("orders", "a")]).await;
    let attempt = granted(place, run, ("orders", "a"), "w", 0).await;
    let said = [
        verdict("ids", false, Severity::Error, true),
        verdict("codes", false, Severity::Warn, true),
        verdict("totals", false, Severity::Error, false),
    ];
    store.keep_verdicts(&attempt, &said, at(1)).await.unwrap();
    assert_eq!(store.last_check_number().await.unwrap(), 3);
    let blocking = store.blocking_results(0, 10).await.unwrap();
    let told: Vec<_> = blocking
        .iter()
        .map(|(_, result)| (result.check.as_str(), result.passed))
        .collect();
    assert_eq!(told, [("ids", false), ("codes", true)]);
    assert_eq!(store.blocking_results(blocking[1].0, 10).await.unwrap(), []);
    assert_eq!(store.blocking_results(0, 1).await.unwrap().len(), 1);
    let failed = store.failed_blocking_results().await.unwrap();
    assert_eq!(failed, [blocking[0].1.clone()]);
    assert_eq!((failed[0].partition.0.as_str(), failed[0].at), ("a", at(1)));
    // Loaded later: what failed before says nothing any more.
    store
        .finish_materialized(&attempt, &materialization(&attempt, 2, 2), &[], &[])
        .await
        .unwrap();
    assert_eq!(store.failed_blocking_results().await.unwrap(), []);
    // It fails anew, and then passes.
    let again = run_of(place, &[("orders", "a")]).await;
    let again = granted(place, again, ("orders", "a"), "w", 3).await;
    store.keep_verdicts(&again, &said, at(4)).await.unwrap();
    assert_eq!(store.failed_blocking_results().await.unwrap().len(), 1);
    let passed = [verdict("ids", true, Severity::Warn, true)];
    store.keep_verdicts(&again, &passed, at(5)).await.unwrap();
    assert_eq!(store.failed_blocking_results().await.unwrap(), []);
}
