//! What a bound plugin does to the stream: its shape over the columns that it was granted.

use std::sync::Arc;

use arrow_schema::{FieldRef, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use tidegate_core::plan::GrantSpec;

use crate::error::Fault;

/// The shape as the guest gave it, checked by itself.
#[derive(Debug, Clone)]
pub(crate) struct GuestShape {
    pub(crate) carry_rest: bool,
    pub(crate) columns: Vec<GuestColumn>,
}

/// One column that the guest writes.
#[derive(Debug, Clone)]
pub(crate) enum GuestColumn {
    /// A granted column under a name.
    Passed { input: usize, name: String },
    /// A column of the guest's making, from granted columns.
    Made { field: FieldRef, sources: Vec<usize> },
}

impl GuestColumn {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Passed { name, .. } => name,
            Self::Made { field, .. } => field.name(),
        }
    }
}

/// Where a column of a step's output comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A column of the stream, by its place.
    Stream(usize),
    /// What the guest made, by its place in the guest's shape.
    Made(usize),
}

/// One column of a step's output, with the columns that its values come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputColumn {
    /// Its name.
    pub name: String,
    /// The stream's columns that its values come from.
    pub from: Vec<String>,
    /// Whether the plugin made it, rather than passed it on.
    pub made: bool,
}

/// The column lineage of a step, in the order of its output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage(pub Vec<OutputColumn>);

/// A shape over a stream.
#[derive(Debug, Clone)]
pub(crate) struct BoundShape {
    /// The guest's own, for what it returns.
    pub(crate) guest: GuestShape,
    /// The places of the granted columns in the stream.
    pub(crate) granted: Vec<usize>,
    /// The output's schema.
    pub(crate) schema: SchemaRef,
    /// One for each field of the schema.
    pub(crate) origins: Vec<Origin>,
    /// One for each field of the schema.
    pub(crate) lineage: Lineage,
    passes_everything: bool,
}

impl BoundShape {
    /// Whether the output has the stream's own columns, in their order, and the guest writes none.
    pub(crate) fn passes_everything(&self) -> bool {
        self.passes_everything
    }

    /// Lays a guest's shape over the stream. `granted` are the places of the granted columns.
    pub(crate) fn new(
        guest: GuestShape,
        stream: &Schema,
        granted: Vec<usize>,
        grant: &GrantSpec,
        drops: &[String],
    ) -> Result<Self, Fault> {
        for (index, column) in guest.columns.iter().enumerate() {
            let name = column.name();
            if !grant.writes.iter().any(|write| write == name) {
                return Err(Fault::Ungranted(name.to_owned()));
            }
            if guest.columns[..index].iter().any(|other| other.name() == name) {
                return Err(Fault::Contract(format!(
                    "its shape writes the column `{name}` twice"
                )));
            }
        }
        let mut columns: Vec<(FieldRef, Origin, OutputColumn)> = Vec::new();
        if guest.carry_rest {
            for (place, field) in stream.fields().iter().enumerate() {
                let lineage = OutputColumn {
                    name: field.name().clone(),
                    from: vec![field.name().clone()],
                    made: false,
                };
                columns.push((field.clone(), Origin::Stream(place), lineage));
            }
        }
        for (index, column) in guest.columns.iter().enumerate() {
            let written = written(index, column, stream, &granted);
            match columns
                .iter_mut()
                .find(|(field, ..)| field.name() == column.name())
            {
                Some(slot) => *slot = written,
                None => columns.push(written),
            }
        }
        for drop in drops {
            let before = columns.len();
            columns.retain(|(field, ..)| field.name() != drop);
            if columns.len() == before {
                return Err(Fault::Schema(format!(
                    "`drops` names `{drop}`, which is not in the stream behind the step"
                )));
            }
        }
        if columns.is_empty() {
            return Err(Fault::Contract("its shape leaves no column".into()));
        }
        let schema = Arc::new(Schema::new(
            columns
                .iter()
                .map(|(field, ..)| field.clone())
                .collect::<Vec<_>>(),
        ));
        let origins: Vec<Origin> = columns.iter().map(|(_, origin, _)| origin.clone()).collect();
        let passes_everything = guest.columns.is_empty() && drops.is_empty() && guest.carry_rest;
        let lineage = Lineage(columns.into_iter().map(|(.., lineage)| lineage).collect());
        Ok(Self {
            guest,
            granted,
            schema,
            origins,
            lineage,
            passes_everything,
        })
    }
}

fn written(
    index: usize,
    column: &GuestColumn,
    stream: &Schema,
    granted: &[usize],
) -> (FieldRef, Origin, OutputColumn) {
    let name_of = |input: &usize| stream.field(granted[*input]).name().clone();
    match column {
        GuestColumn::Passed { input, name } => {
            let field = stream.field(granted[*input]).clone().with_name(name);
            let lineage = OutputColumn {
                name: name.clone(),
                from: vec![name_of(input)],
                made: false,
            };
            (Arc::new(field), Origin::Stream(granted[*input]), lineage)
        }
        GuestColumn::Made { field, sources } => {
            let from = sources.iter().map(name_of).collect();
            let lineage = OutputColumn {
                name: field.name().clone(),
                from,
                made: true,
            };
            (field.clone(), Origin::Made(index), lineage)
        }
    }
}
