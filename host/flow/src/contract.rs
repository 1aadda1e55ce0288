//! The contract of what is loaded: which columns, of which types, with which values missing.

use std::sync::Arc;

use arrow_array::{Array, BooleanArray, RecordBatch, StringArray};
use arrow_schema::{FieldRef, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use tidegate_core::batch::{Rejects, StepCounts};
use tidegate_core::port::ColumnDomain;
use tidegate_core::schema::{Column, Contract};
use tidegate_core::types::LogicalType;

use crate::domain::Domained;
use crate::error::FlowError;

/// A contract over the columns that reach the destination.
#[derive(Debug)]
pub struct Conform {
    schema: SchemaRef,
    /// The place in the stream of each column loaded.
    places: Vec<usize>,
    /// Columns of the load in which no value may be missing, and may be in the stream.
    required: Vec<usize>,
    /// Columns of which the destination cannot hold every value.
    domains: Vec<Domained>,
}

impl Conform {
    /// Lays the contract over the stream, or says every way in which the stream breaks it.
    pub fn new(stream: &Schema, columns: &[Column], contract: Contract) -> Result<Self, Vec<FlowError>> {
        let mut errors = Vec::new();
        let mut fields: Vec<FieldRef> = Vec::new();
        let mut places = Vec::new();
        let mut required = Vec::new();
        for column in columns {
            let wanted = column.field();
            match stream.column_with_name(&column.name) {
                None => errors.push(FlowError::Contract {
                    column: column.name.clone(),
                    why: "does not reach the destination".into(),
                    hint: "read it from the source, let a transform write it, or take it out of `columns`"
                        .into(),
                }),
                Some((_, found)) if found.data_type() != wanted.data_type() => {
                    let found = LogicalType::from_arrow(found.data_type())
                        .map_or_else(|| found.data_type().to_string(), |found| found.to_string());
                    errors.push(FlowError::Contract {
                        column: column.name.clone(),
                        why: format!(
                            "is {found} when it reaches the destination, and `columns` says {}",
                            column.data_type
                        ),
                        hint: "make the two agree".into(),
                    });
                }
                Some((place, found)) => {
                    if found.is_nullable() && !wanted.is_nullable() {
                        required.push(fields.len());
                    }
                    fields.push(Arc::new(wanted));
                    places.push(place);
                }
            }
        }
        let mut extra = Vec::new();
        for (place, field) in stream.fields().iter().enumerate() {
            if columns.iter().any(|column| column.name == *field.name()) {
                continue;
            }
            match contract {
                Contract::Discard => {}
                Contract::Evolve => {
                    fields.push(field.clone());
                    places.push(place);
                }
                Contract::Strict => extra.push(field.name().as_str()),
            }
        }
        if !extra.is_empty() {
            let (verb, them) = if extra.len() == 1 {
                ("reaches", "it")
            } else {
                ("reach", "them")
            };
            errors.push(FlowError::Contract {
                column: extra.join("`, `"),
                why: format!("{verb} the destination, and `columns` does not name {them}"),
                hint: format!("add {them} to `columns`, take {them} off with a transform's `drops`, or write `contract: discard`"),
            });
        }
        if errors.is_empty() {
            Ok(Self {
                schema: Arc::new(Schema::new(fields)),
                places,
                required,
                domains: Vec::new(),
            })
        } else {
            Err(errors)
        }
    }

    /// The schema of what is loaded.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Refuses rows with values that the destination cannot hold, from here on.
    pub(crate) fn restrict(&mut self, columns: &[ColumnDomain]) {
        self.domains = columns
            .iter()
            .filter_map(|column| Some(Domained::new(self.schema.index_of(&column.column).ok()?, column)))
            .collect();
    }

    /// The rows as they are loaded, and those in which a value is missing that must not be, or that the destination
    /// cannot hold.
    pub(crate) fn apply(
        &self,
        batch: &RecordBatch,
    ) -> Result<(RecordBatch, Option<Rejects>, StepCounts), FlowError> {
        let rows_in = batch.num_rows() as u64;
        let mut columns: Vec<_> = self
            .places
            .iter()
            .map(|place| batch.column(*place).clone())
            .collect();
        let missing = self
            .required
            .iter()
            .filter_map(|index| columns[*index].nulls().filter(|nulls| nulls.null_count() > 0))
            .map(|nulls| !nulls.inner());
        let outside = self
            .domains
            .iter()
            .filter_map(|column| column.outside(&columns[column.index]));
        let refused = missing.chain(outside).reduce(|all, bits| &all | &bits);
        let mut rejects = None;
        if let Some(refused) = refused {
            let refused = BooleanArray::new(refused, None);
            rejects = Some(self.rejects(batch, &refused)?);
            let good = BooleanArray::new(!refused.values(), None);
            columns = columns
                .iter()
                .map(|column| arrow_select::filter::filter(column, &good))
                .collect::<Result<_, _>>()?;
        }
        let rejected = rejects
            .as_ref()
            .map_or(0, |rejects: &Rejects| rejects.rows.num_rows() as u64);
        let options =
            arrow_array::RecordBatchOptions::new().with_row_count(Some((rows_in - rejected) as usize));
        let loaded = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
        let counts = StepCounts {
            rows_in,
            kept: rows_in - rejected,
            rejected,
            ..StepCounts::default()
        };
        Ok((loaded, rejects, counts))
    }

    fn rejects(&self, batch: &RecordBatch, refused: &BooleanArray) -> Result<Rejects, FlowError> {
        let rows = filter_record_batch(batch, refused)?;
        let (codes, messages): (Vec<&str>, Vec<String>) = (0..rows.num_rows())
            .map(|row| {
                let names: Vec<String> = self
                    .required
                    .iter()
                    .filter(|index| rows.column(self.places[**index]).is_null(row))
                    .map(|index| format!("`{}`", self.schema.field(*index).name()))
                    .collect();
                if names.is_empty() {
                    ("contract.out_of_range", self.out_of_range(&rows, row))
                } else {
                    (
                        "contract.missing",
                        format!("{} is missing, and may not be", names.join(", ")),
                    )
                }
            })
            .unzip();
        Ok(Rejects {
            codes: StringArray::from_iter_values(codes),
            messages: StringArray::from_iter_values(messages),
            rows,
        })
    }

    fn out_of_range(&self, rows: &RecordBatch, row: usize) -> String {
        let complaints: Vec<String> = self
            .domains
            .iter()
            .filter_map(|column| {
                let name = self.schema.field(column.index).name();
                column.complaint(name, rows.column(self.places[column.index]), row)
            })
            .collect();
        complaints.join("; ")
    }

    /// Whether rows can be refused at all.
    pub(crate) fn checks_rows(&self) -> bool {
        !self.required.is_empty() || !self.domains.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, record_batch};

    use super::*;

    fn columns(list: &[(&str, &str, bool)]) -> Vec<Column> {
        list.iter()
            .map(|(name, data_type, key)| Column {
                key: *key,
                ..Column::new(name, data_type.parse().unwrap())
            })
            .collect()
    }

    #[test]
    fn rows_without_a_key_are_refused_and_columns_stand_in_order() {
        let batch = record_batch!(
            ("b", Utf8, ["x", "y", "z"]),
            ("a", Int64, [Some(1), None, Some(3)])
        )
        .unwrap();
        let conform = Conform::new(
            &batch.schema(),
            &columns(&[("a", "int64", true), ("b", "utf8", false)]),
            Contract::Strict,
        )
        .unwrap();
        let (loaded, rejects, counts) = conform.apply(&batch).unwrap();
        assert_eq!(
            loaded.column(0).as_ref(),
            &Int64Array::from(vec![1, 3]) as &dyn Array
        );
        assert_eq!(
            rejects.unwrap().messages.value(0),
            "`a` is missing, and may not be"
        );
        assert!(counts.adds_up() && counts.rejected == 1);
    }

    #[test]
    fn a_value_that_the_destination_cannot_hold_is_refused_by_row() {
        use arrow_array::{ArrayRef, Date32Array};

        let days: ArrayRef = Arc::new(Date32Array::from(vec![
            Some(-1),
            Some(0),
            None,
            Some(11),
            Some(10),
        ]));
        let batch = RecordBatch::try_from_iter([("day", days)]).unwrap();
        let mut conform = Conform::new(
            &batch.schema(),
            &columns(&[("day", "date32", false)]),
            Contract::Strict,
        )
        .unwrap();
        assert!(!conform.checks_rows());
        conform.restrict(&[ColumnDomain {
            column: "day".into(),
            domain: tidegate_core::port::Domain::Between {
                least: 0,
                greatest: 10,
            },
        }]);
        assert!(conform.checks_rows());
        let (loaded, rejects, counts) = conform.apply(&batch).unwrap();
        assert_eq!((loaded.num_rows(), counts.rejected), (3, 2));
        let rejects = rejects.unwrap();
        assert_eq!(rejects.codes.value(0), "contract.out_of_range");
        assert_eq!(
            rejects.messages.iter().flatten().collect::<Vec<_>>(),
            [
                "`day` is 1969-12-31, which the destination cannot hold",
                "`day` is 1970-01-12, which the destination cannot hold"
            ]
        );
    }

    #[test]
    fn every_breach_of_the_contract_is_told() {
        let batch = record_batch!(("a", Int64, [1]), ("extra", Utf8, ["x"])).unwrap();
        let errors = Conform::new(
            &batch.schema(),
            &columns(&[("a", "utf8", false), ("missing", "utf8", false)]),
            Contract::Strict,
        )
        .unwrap_err();
        let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "the column `a` is int64 when it reaches the destination, and `columns` says utf8",
                "the column `missing` does not reach the destination",
                "the column `extra` reaches the destination, and `columns` does not name it",
            ]
        );
        let evolved = Conform::new(
            &batch.schema(),
            &columns(&[("a", "int64", false)]),
            Contract::Evolve,
        )
        .unwrap();
        assert_eq!(evolved.schema().fields().len(), 2);
    }
}
