//! Types as they cross, to those of arrow-rs and back.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};

use crate::bindings::types;

/// The columns of a schema, each field before its members.
pub(crate) fn wit_schema(schema: &Schema) -> types::Schema {
    let mut fields = Vec::new();
    let columns = schema
        .fields()
        .iter()
        .map(|field| push_field(field, &mut fields))
        .collect();
    types::Schema { fields, columns }
}

/// Puts a field and then its members into the arena; answers its index.
pub(crate) fn push_field(field: &Field, fields: &mut Vec<types::Field>) -> u32 {
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

pub(crate) fn arrow_schema(schema: &types::Schema) -> SchemaRef {
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
