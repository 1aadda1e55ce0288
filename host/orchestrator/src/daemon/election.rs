//! Whether the leader is alive, as seen from here.

use std::time::{Duration, Instant};

use tidegate_core::port::Leader;

/// What a process that does not lead has seen of the one that does.
#[derive(Debug, Default)]
pub(super) struct Election {
    seen: Option<(Leader, Instant)>,
}

/// What is to be done about what was seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The leader is alive, or may be.
    Led,
    /// Nobody leads, or the leader was silent for its whole lease: its place may be taken.
    Vacant,
}

impl Election {
    /// Looks at who leads. Only the time that passed here counts: an instant that another machine wrote down says nothing
    /// where clocks differ or are set.
    pub(super) fn look(&mut self, leader: Option<&Leader>, now: Instant, lease: Duration) -> Seen {
        let Some(leader) = leader else {
            self.seen = None;
            return Seen::Vacant;
        };
        match &self.seen {
            Some((known, since)) if known == leader => {
                if now.duration_since(*since) >= lease {
                    Seen::Vacant
                } else {
                    Seen::Led
                }
            }
            _ => {
                self.seen = Some((leader.clone(), now));
                Seen::Led
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::plan::{Epoch, WorkerId};

    use super::*;

    #[test]
    fn a_leader_is_gone_when_it_was_silent_for_its_lease_as_seen_from_here() {
        let leader = |beats| Leader {
            holder: WorkerId("one".into()),
            epoch: Epoch(4),
            beats,
        };
        let lease = Duration::from_secs(6);
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut election = Election::default();
        assert_eq!(election.look(None, at(0), lease), Seen::Vacant);
        assert_eq!(election.look(Some(&leader(7)), at(1), lease), Seen::Led);
        assert_eq!(election.look(Some(&leader(7)), at(6), lease), Seen::Led);
        assert_eq!(election.look(Some(&leader(8)), at(7), lease), Seen::Led);
        assert_eq!(election.look(Some(&leader(8)), at(12), lease), Seen::Led);
        assert_eq!(election.look(Some(&leader(8)), at(13), lease), Seen::Vacant);
    }
}
