//! The example itself: what comes out is what its author wrote down.

use super::Case;
use crate::conformance::difference::from_expected;
use crate::conformance::example::{RejectDecl, Rows};
use crate::conformance::finding::{Seen, Verdict};
use crate::conformance::run::Stopped;
use crate::conformance::subject::is_fault;

impl Case<'_> {
    /// Output, rejects, and that every column of the plugin's making is looked at.
    pub(super) async fn output(&self, expected: &Rows) -> Verdict {
        let bound = self.subject.bind(self.config, self.schema, 0).await;
        let bound = bound.map_err(|error| error.to_string())?;
        let looked_at = expected.rows.schema();
        let unseen = bound
            .lineage()
            .0
            .iter()
            .find(|column| column.made && looked_at.field_with_name(&column.name).is_err());
        if let Some(column) = unseen {
            return Err(format!(
                "the plugin makes the column `{}`, and the example's output does not name it",
                column.name
            ));
        }
        drop(bound);
        let came = self
            .run(self.input)
            .await
            .map_err(|stopped| stopped.to_string())?;
        let rejects = self.rejects(&came.refused);
        if rejects != expected.rejects {
            return Err(format!(
                "rejects: expected {}, found {}",
                listed(&expected.rejects),
                listed(&rejects)
            ));
        }
        match from_expected(&expected.rows, &came.rows) {
            Some(difference) => Err(difference),
            None => Ok(Seen::passed()),
        }
    }

    /// A fault of the kind that a plugin answers, with the words that it must have.
    pub(super) async fn fault(&self, words: &str) -> Verdict {
        match self.run(self.input).await {
            Ok(came) => Err(format!(
                "expected a fault with `{words}`, and {} rows came out",
                came.rows.num_rows()
            )),
            Err(Stopped::Plugin(error)) if is_fault(&error) && error.message.contains(words) => {
                Ok(Seen::passed())
            }
            Err(stopped) => Err(format!("expected a fault with `{words}`, found {stopped}")),
        }
    }

    /// Refused rows by batch and row.
    fn rejects(&self, refused: &[(usize, String, String)]) -> Vec<RejectDecl> {
        let place = |row: usize| {
            let mut first = 0;
            for (batch, rows) in self.input.iter().enumerate() {
                if row < first + rows.num_rows() {
                    return (batch, row - first);
                }
                first += rows.num_rows();
            }
            (self.input.len(), row - first)
        };
        let mut found: Vec<RejectDecl> = refused
            .iter()
            .map(|(row, code, _)| {
                let (batch, row) = place(*row);
                let code = code.clone();
                RejectDecl { batch, row, code }
            })
            .collect();
        found.sort();
        found
    }
}

fn listed(rejects: &[RejectDecl]) -> String {
    if rejects.is_empty() {
        return "none".into();
    }
    let one = |reject: &RejectDecl| format!("batch {} row {} {}", reject.batch, reject.row, reject.code);
    rejects.iter().map(one).collect::<Vec<_>>().join(", ")
}
