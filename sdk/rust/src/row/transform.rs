//! Transforms that look at one row at a time.

use arrow_array::ArrayRef;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{Row, RowReader, RowWriter};
use crate::batch::{Batch, Input};
use crate::fault::Fault;
use crate::output::{Output, Processed, Reject};
use crate::shape::{MadeColumn, Shape, made};
use crate::transform::Transform;

/// Makes columns row by row, beside the others of the stream. For anything else, such as rows from several batches, there
/// is [`Transform`]; for arithmetic over whole columns that is faster too.
///
/// ```
/// use tidegate_sdk::prelude::*;
///
/// #[derive(Row)]
/// struct Address<'a> {
///     email: &'a str,
/// }
///
/// #[derive(Row)]
/// struct Domain<'a> {
///     domain: &'a str,
/// }
///
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Config {}
///
/// struct DomainOf;
///
/// impl RowTransform for DomainOf {
///     type Config = Config;
///     type In = Address<'static>;
///     type Out = Domain<'static>;
///
///     fn bind(_: Config) -> Result<Self, Fault> {
///         Ok(Self)
///     }
///
///     fn row<'a>(&'a mut self, row: Address<'a>) -> Result<Option<Domain<'a>>, Reject> {
///         match row.email.split_once('@') {
///             Some((_, domain)) => Ok(Some(Domain { domain })),
///             None => Err(Reject::new("bad_email", "an address has an @")),
///         }
///     }
/// }
///
/// tidegate_sdk::export_row_transform!(DomainOf);
///
/// let input = Address::batch([Address { email: "a@b.c" }]);
/// let done = testing::run::<ByRow<DomainOf>>(serde_json::json!({}), &input).unwrap();
/// assert_eq!(done, Domain::batch([Domain { domain: "b.c" }]));
/// ```
pub trait RowTransform: Sized + 'static {
    /// What `config:` in the schema holds. Put `#[serde(deny_unknown_fields)]` on it, so that a typo is an error.
    type Config: DeserializeOwned + JsonSchema;
    /// The columns that are read.
    type In: Row;
    /// The columns that are made.
    type Out: Row;

    /// Binds a config. The columns were checked before.
    fn bind(config: Self::Config) -> Result<Self, Fault>;

    /// One row: what is made of it, none to leave it out, or why it is refused. What is made may borrow from the row and
    /// from the transform.
    fn row<'a>(
        &'a mut self,
        row: <Self::In as Row>::Of<'a>,
    ) -> Result<Option<<Self::Out as Row>::Of<'a>>, Reject>;

    /// The state, where there is one; see [`state::save`](crate::state::save).
    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        Ok(None)
    }

    /// Takes over a state that `snapshot` gave.
    fn restore(&mut self, _state: &[u8]) -> Result<(), Fault> {
        Err(Fault::fatal(
            "this transform keeps no state, so there is none to restore",
        ))
    }
}

/// A [`RowTransform`] as a [`Transform`].
pub struct ByRow<T: RowTransform> {
    transform: T,
    reader: RowReader<T::In>,
    shape: Shape,
}

impl<T: RowTransform> Transform for ByRow<T> {
    type Config = T::Config;

    fn bind(config: T::Config, input: &Input) -> Result<Self, Fault> {
        let reader = RowReader::bind(input)?;
        Ok(Self {
            transform: T::bind(config)?,
            shape: Shape::beside(made_columns::<T>(reader.places())?),
            reader,
        })
    }

    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let rows = self.reader.read(batch)?;
        let mut writer = RowWriter::<T::Out>::with_capacity(rows.len());
        let mut kept: Vec<u32> = Vec::with_capacity(rows.len());
        let mut rejects = Vec::new();
        for row in 0..rows.len() {
            match rows.get(row).and_then(|values| self.transform.row(values)) {
                Ok(Some(made)) => {
                    writer.push(made);
                    kept.push(row as u32);
                }
                Ok(None) => {}
                Err(reject) => rejects.push(reject.at(row)),
            }
        }
        let columns: Vec<ArrayRef> = writer.columns();
        let output = if kept.len() == rows.len() {
            Output::all(columns)
        } else {
            Output::take(kept, columns)
        };
        let mut done = Processed::from(output);
        done.rejects = rejects;
        Ok(done)
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        self.transform.snapshot()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), Fault> {
        self.transform.restore(state)
    }
}

/// The columns of `Out`, each from those of `In` that it names, or from all.
fn made_columns<T: RowTransform>(places: &[usize]) -> Result<Vec<MadeColumn>, Fault> {
    let read: Vec<String> = T::In::members()
        .iter()
        .map(|member| member.field.name().clone())
        .collect();
    T::Out::members()
        .into_iter()
        .map(|member| {
            let from = match member.from {
                None => places.to_vec(),
                Some(names) => names
                    .iter()
                    .map(|&name| match read.iter().position(|known| known == name) {
                        Some(index) => Ok(places[index]),
                        None => Err(Fault::fatal(format!(
                            "`{}` is made from `{name}`, which is no column that the transform reads",
                            member.field.name()
                        ))),
                    })
                    .collect::<Result<_, _>>()?,
            };
            let column = made(member.field.name(), member.field.data_type().clone()).from(from);
            Ok(if member.field.is_nullable() {
                column
            } else {
                column.required()
            })
        })
        .collect()
}
