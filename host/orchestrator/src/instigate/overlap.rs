//! What becomes of a tick while runs of its schedule go on.

use tidegate_core::schema::Overlap;

/// What stands in a tick's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Others {
    /// Runs of the schedule that have not ended.
    pub going: usize,
    /// Ticks that wait.
    pub waiting: usize,
}

/// What becomes of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is launched.
    Launch,
    /// What goes on is asked to stop, and it is launched.
    CancelAndLaunch,
    /// It waits.
    Buffer,
    /// It is skipped, for this reason.
    Skip(&'static str),
}

/// Ticks that wait at most: they are run one after the other, and a schedule that is so far behind does not catch up.
const MAX_WAITING: usize = 1_000;

/// What becomes of a tick.
pub(super) fn judge(overlap: Overlap, others: Others) -> Verdict {
    let free = others.going == 0 && others.waiting == 0;
    match overlap {
        Overlap::CancelOther if others.going > 0 => Verdict::CancelAndLaunch,
        Overlap::Skip if others.going > 0 => Verdict::Skip("a run of the schedule goes on"),
        Overlap::AllowAll | Overlap::CancelOther | Overlap::Skip => Verdict::Launch,
        Overlap::BufferOne | Overlap::BufferAll if free => Verdict::Launch,
        Overlap::BufferOne if others.waiting > 0 => Verdict::Skip("a tick waits already"),
        Overlap::BufferAll if others.waiting >= MAX_WAITING => Verdict::Skip("1000 ticks wait already"),
        Overlap::BufferOne | Overlap::BufferAll => Verdict::Buffer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_does_what_its_word_says() {
        let judge = |overlap, going, waiting| judge(overlap, Others { going, waiting });
        let skips = |verdict| matches!(verdict, Verdict::Skip(_));
        for overlap in [
            Overlap::Skip,
            Overlap::BufferOne,
            Overlap::BufferAll,
            Overlap::CancelOther,
            Overlap::AllowAll,
        ] {
            assert_eq!(judge(overlap, 0, 0), Verdict::Launch, "{overlap:?}");
        }
        assert!(skips(judge(Overlap::Skip, 1, 0)));
        assert_eq!(judge(Overlap::BufferOne, 1, 0), Verdict::Buffer);
        assert!(skips(judge(Overlap::BufferOne, 1, 1)));
        assert!(skips(judge(Overlap::BufferOne, 0, 1)));
        assert_eq!(judge(Overlap::BufferAll, 1, 5), Verdict::Buffer);
        // It does not overtake those that wait.
        assert_eq!(judge(Overlap::BufferAll, 0, 5), Verdict::Buffer);
        assert!(skips(judge(Overlap::BufferAll, 1, MAX_WAITING)));
        assert_eq!(judge(Overlap::CancelOther, 2, 0), Verdict::CancelAndLaunch);
        assert_eq!(judge(Overlap::AllowAll, 9, 0), Verdict::Launch);
    }
}
