//! Between the trait that an author implements and what the component exports.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};

use crate::batch::{Batch, Input};
use crate::bindings::exports::tidegate::plugin::transform as wit;
use crate::bindings::tidegate::plugin::{batches, types};
use crate::column;
use crate::fault::Fault;
use crate::output::{Output, Processed, Rows};
use crate::shape::{Shape, ShapeColumn};
use crate::transform::Transform;

/// The component of a transform.
pub struct Component<T>(PhantomData<T>);

/// A bound transform, as the component's resource.
pub struct Bound<T> {
    transform: RefCell<T>,
    input: SchemaRef,
    /// Which columns of an output are made: the others the host takes from its own.
    made: Vec<bool>,
}

impl<T: Transform> wit::Guest for Component<T> {
    type Transformer = Bound<T>;
}

impl<T: Transform> wit::GuestTransformer for Bound<T> {
    fn bind(config: String, input: types::Schema) -> Result<wit::Transformer, types::Fault> {
        let schema = arrow_schema(&input);
        let bound = bind::<T>(&config, &Input::new(schema.clone()))?;
        let made = bound
            .shape()
            .columns
            .iter()
            .map(|column| matches!(column, ShapeColumn::Made(_)))
            .collect();
        Ok(wit::Transformer::new(Self {
            transform: RefCell::new(bound),
            input: schema,
            made,
        }))
    }

    fn shape(&self) -> wit::Shape {
        shape(&self.transform.borrow().shape())
    }

    fn process(&self, input: &batches::Batch) -> Result<wit::Processed, types::Fault> {
        let batch = Batch::of_host(input, self.input.clone());
        let rows = batch.rows();
        let done = self.transform.borrow_mut().process(&batch)?;
        Ok(self.processed(done.without_rejects(rows)))
    }

    fn finish(&self) -> Result<Vec<wit::Output>, types::Fault> {
        let outputs = self.transform.borrow_mut().finish()?;
        Ok(outputs.into_iter().map(|output| self.output(output)).collect())
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, types::Fault> {
        Ok(self.transform.borrow().snapshot()?)
    }

    fn restore(&self, state: Vec<u8>) -> Result<(), types::Fault> {
        Ok(self.transform.borrow_mut().restore(&state)?)
    }
}

impl<T: Transform> Bound<T> {
    fn processed(&self, done: Processed) -> wit::Processed {
        wit::Processed {
            outputs: done
                .outputs
                .into_iter()
                .map(|output| self.output(output))
                .collect(),
            rejects: done
                .rejects
                .into_iter()
                .map(|reject| wit::Reject {
                    row: reject.row as u32,
                    code: reject.code,
                    message: reject.message,
                })
                .collect(),
            rest: if done.absorbed {
                wit::Disposition::Absorbed
            } else {
                wit::Disposition::Filtered
            },
        }
    }

    fn output(&self, output: Output) -> wit::Output {
        let mut made = output.columns.into_iter();
        let mut columns: Vec<wit::OutputColumn> = self
            .made
            .iter()
            .filter_map(|is_made| match is_made {
                true => made
                    .next()
                    .map(|array| wit::OutputColumn::Made(column::of_array(array))),
                false => Some(wit::OutputColumn::Input),
            })
            .collect();
        // One column too many is the author's mistake, and the host says so.
        columns.extend(made.map(|array| wit::OutputColumn::Made(column::of_array(array))));
        wit::Output {
            rows: match output.rows {
                Rows::All => wit::Selection::All,
                Rows::Keep(bits) => {
                    let length = bits.len().div_ceil(8);
                    let sliced = bits.sliced();
                    wit::Selection::Keep(sliced.as_slice()[..length].to_vec())
                }
                Rows::Take(indices) => wit::Selection::Take(indices),
                Rows::Made(count) => wit::Selection::Made(count as u32),
            },
            columns,
        }
    }
}

/// The config as its type, then the transform.
pub(crate) fn bind<T: Transform>(config: &str, input: &Input) -> Result<T, Fault> {
    let config: T::Config = serde_json::from_str(if config.is_empty() { "{}" } else { config })
        .map_err(|error| Fault::config("", config_message(&error)))?;
    T::bind(config, input)
}

/// serde_json's message without the line and column: the config was YAML when its author saw it.
fn config_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Stops the build where a text of the crate's manifest would break the plugin's.
pub const fn plain(text: &str) {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        assert!(
            bytes[index] >= b' ' && bytes[index] != b'"' && bytes[index] != b'\\',
            "the crate's description, license and authors must have no quotes, backslashes or line ends"
        );
        index += 1;
    }
}

/// The manifest as the bytes of a custom section.
pub const fn section<const N: usize>(text: &str) -> [u8; N] {
    let bytes = text.as_bytes();
    let mut section = [0; N];
    let mut index = 0;
    while index < N {
        section[index] = bytes[index];
        index += 1;
    }
    section
}

fn shape(shape: &Shape) -> wit::Shape {
    let mut fields = Vec::new();
    let columns = shape
        .columns
        .iter()
        .map(|column| match column {
            ShapeColumn::Passed { input, name } => wit::ShapeColumn::Input(wit::PassedColumn {
                input: *input as u32,
                name: name.clone(),
            }),
            ShapeColumn::Made(made) => wit::ShapeColumn::Made(wit::MadeColumn {
                field: push_field(&made.field, &mut fields),
                from: made.sources.iter().map(|index| *index as u32).collect(),
            }),
        })
        .collect();
    let carry = if shape.carry_rest {
        wit::Carry::Rest
    } else {
        wit::Carry::Nothing
    };
    wit::Shape {
        carry,
        fields,
        columns,
    }
}

/// Puts a field and then its members into the arena; answers its index.
fn push_field(field: &Field, fields: &mut Vec<types::Field>) -> u32 {
    let index = fields.len();
    fields.push(types::Field {
        name: field.name().clone(),
        data_type: types::DataType::Boolean,
        nullable: field.is_nullable(),
    });
    fields[index].data_type = wit_type(field.data_type(), fields);
    index as u32
}

fn wit_type(data_type: &DataType, fields: &mut Vec<types::Field>) -> types::DataType {
    use types::DataType as Wit;
    match data_type {
        DataType::Boolean => Wit::Boolean,
        DataType::Int8 => Wit::Int8,
        DataType::Int16 => Wit::Int16,
        DataType::Int32 => Wit::Int32,
        DataType::Int64 => Wit::Int64,
        DataType::UInt8 => Wit::Uint8,
        DataType::UInt16 => Wit::Uint16,
        DataType::UInt32 => Wit::Uint32,
        DataType::UInt64 => Wit::Uint64,
        DataType::Float32 => Wit::Float32,
        DataType::Float64 => Wit::Float64,
        DataType::Decimal128(precision, scale) => Wit::Decimal128(types::Decimal {
            precision: *precision,
            scale: *scale,
        }),
        DataType::Decimal256(precision, scale) => Wit::Decimal256(types::Decimal {
            precision: *precision,
            scale: *scale,
        }),
        DataType::Utf8 => Wit::Utf8,
        DataType::Binary => Wit::Binary,
        DataType::FixedSizeBinary(length) => Wit::FixedBinary(length.unsigned_abs()),
        DataType::Date32 => Wit::Date32,
        DataType::Time64(unit) => Wit::Time64(wit_unit(*unit)),
        DataType::Timestamp(unit, zone) => Wit::Timestamp(types::Timestamp {
            unit: wit_unit(*unit),
            timezone: zone.as_deref().map(str::to_owned),
        }),
        DataType::Duration(unit) => Wit::Duration(wit_unit(*unit)),
        DataType::List(item) => Wit::ListOf(push_field(item, fields)),
        DataType::Struct(members) => {
            Wit::StructOf(members.iter().map(|member| push_field(member, fields)).collect())
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let key = push_field(&pair[0], fields);
                Wit::MapOf((key, push_field(&pair[1], fields)))
            }
            other => panic!("a map of {other} is not a map"),
        },
        other => panic!("{other} is not a type of the plugin contract; see wit/since-v0.1/types.wit"),
    }
}

fn wit_unit(unit: TimeUnit) -> types::TimeUnit {
    match unit {
        TimeUnit::Second => types::TimeUnit::Second,
        TimeUnit::Millisecond => types::TimeUnit::Millisecond,
        TimeUnit::Microsecond => types::TimeUnit::Microsecond,
        TimeUnit::Nanosecond => types::TimeUnit::Nanosecond,
    }
}

fn arrow_schema(schema: &types::Schema) -> SchemaRef {
    let fields: Vec<FieldRef> = schema
        .columns
        .iter()
        .map(|index| arrow_field(schema, *index))
        .collect();
    Arc::new(Schema::new(fields))
}

fn arrow_field(schema: &types::Schema, index: u32) -> FieldRef {
    let field = &schema.fields[index as usize];
    Field::new(&field.name, arrow_type(schema, &field.data_type), field.nullable).into()
}

fn arrow_type(schema: &types::Schema, data_type: &types::DataType) -> DataType {
    use types::DataType as Wit;
    match data_type {
        Wit::Boolean => DataType::Boolean,
        Wit::Int8 => DataType::Int8,
        Wit::Int16 => DataType::Int16,
        Wit::Int32 => DataType::Int32,
        Wit::Int64 => DataType::Int64,
        Wit::Uint8 => DataType::UInt8,
        Wit::Uint16 => DataType::UInt16,
        Wit::Uint32 => DataType::UInt32,
        Wit::Uint64 => DataType::UInt64,
        Wit::Float32 => DataType::Float32,
        Wit::Float64 => DataType::Float64,
        Wit::Decimal128(decimal) => DataType::Decimal128(decimal.precision, decimal.scale),
        Wit::Decimal256(decimal) => DataType::Decimal256(decimal.precision, decimal.scale),
        Wit::Utf8 => DataType::Utf8,
        Wit::Binary => DataType::Binary,
        Wit::FixedBinary(length) => DataType::FixedSizeBinary(*length as i32),
        Wit::Date32 => DataType::Date32,
        Wit::Time64(unit) => DataType::Time64(arrow_unit(*unit)),
        Wit::Timestamp(stamp) => {
            DataType::Timestamp(arrow_unit(stamp.unit), stamp.timezone.as_deref().map(Arc::from))
        }
        Wit::Duration(unit) => DataType::Duration(arrow_unit(*unit)),
        Wit::ListOf(item) => DataType::List(arrow_field(schema, *item)),
        Wit::StructOf(members) => DataType::Struct(
            members
                .iter()
                .map(|member| arrow_field(schema, *member))
                .collect(),
        ),
        Wit::MapOf((key, value)) => {
            let pair = Fields::from(vec![arrow_field(schema, *key), arrow_field(schema, *value)]);
            DataType::Map(Field::new("entries", DataType::Struct(pair), false).into(), false)
        }
    }
}

fn arrow_unit(unit: types::TimeUnit) -> TimeUnit {
    match unit {
        types::TimeUnit::Second => TimeUnit::Second,
        types::TimeUnit::Millisecond => TimeUnit::Millisecond,
        types::TimeUnit::Microsecond => TimeUnit::Microsecond,
        types::TimeUnit::Nanosecond => TimeUnit::Nanosecond,
    }
}
