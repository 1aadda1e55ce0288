//! Schemas and shapes between WIT and Arrow.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, TimeUnit};

use super::{transform, types};
use crate::limits::cut;
use crate::shape::{GuestColumn, GuestShape};

/// More than this is no schema. Members may be shared, so it bounds the types as written out, not the arena alone.
const MAX_FIELDS: usize = 10_000;
/// The deepest type nests as often as `LogicalType` may.
const MAX_DEPTH: usize = 32;
/// The longest name of a member, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// A schema for a guest, or the name of a column that the contract has no type for.
pub(crate) fn lower_schema(schema: &Schema) -> Result<types::Schema, String> {
    let mut fields = Vec::new();
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            push_field(field, &mut fields).ok_or_else(|| {
                format!(
                    "the column `{}` has the type {}, which does not cross",
                    field.name(),
                    field.data_type()
                )
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(types::Schema { fields, columns })
}

/// Puts a field and then its members into the arena; answers its index.
fn push_field(field: &Field, fields: &mut Vec<types::Field>) -> Option<u32> {
    let index = fields.len();
    fields.push(types::Field {
        name: field.name().clone(),
        data_type: types::DataType::Boolean,
        nullable: field.is_nullable(),
    });
    let data_type = lower_type(field.data_type(), fields)?;
    fields[index].data_type = data_type;
    u32::try_from(index).ok()
}

fn lower_type(data_type: &DataType, fields: &mut Vec<types::Field>) -> Option<types::DataType> {
    use types::DataType as Wit;
    let decimal = |precision: u8, scale: i8| types::Decimal { precision, scale };
    Some(match data_type {
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
        DataType::Decimal128(precision, scale) => Wit::Decimal128(decimal(*precision, *scale)),
        DataType::Decimal256(precision, scale) => Wit::Decimal256(decimal(*precision, *scale)),
        DataType::Utf8 => Wit::Utf8,
        DataType::Binary => Wit::Binary,
        DataType::FixedSizeBinary(length) => Wit::FixedBinary(u32::try_from(*length).ok()?),
        DataType::Date32 => Wit::Date32,
        DataType::Time64(unit) => Wit::Time64(lower_unit(*unit)),
        DataType::Timestamp(unit, zone) => Wit::Timestamp(types::Timestamp {
            unit: lower_unit(*unit),
            timezone: zone.as_deref().map(str::to_owned),
        }),
        DataType::Duration(unit) => Wit::Duration(lower_unit(*unit)),
        DataType::List(item) => Wit::ListOf(push_field(item, fields)?),
        DataType::Struct(members) => Wit::StructOf(
            members
                .iter()
                .map(|member| push_field(member, fields))
                .collect::<Option<_>>()?,
        ),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let key = push_field(&pair[0], fields)?;
                Wit::MapOf((key, push_field(&pair[1], fields)?))
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn lower_unit(unit: TimeUnit) -> types::TimeUnit {
    match unit {
        TimeUnit::Second => types::TimeUnit::Second,
        TimeUnit::Millisecond => types::TimeUnit::Millisecond,
        TimeUnit::Microsecond => types::TimeUnit::Microsecond,
        TimeUnit::Nanosecond => types::TimeUnit::Nanosecond,
    }
}

/// A guest's shape, its types and indices checked, or what is wrong with it.
pub(crate) fn lift_shape(shape: &transform::Shape, granted: usize) -> Result<GuestShape, String> {
    let input = |index: u32| match usize::try_from(index) {
        Ok(index) if index < granted => Ok(index),
        _ => Err(format!(
            "its shape names input column {index}, and {granted} are granted"
        )),
    };
    let mut arena = Arena {
        fields: &shape.fields,
        left: MAX_FIELDS,
    };
    let columns = shape
        .columns
        .iter()
        .map(|column| match column {
            transform::ShapeColumn::Input(passed) => Ok(GuestColumn::Passed {
                input: input(passed.input)?,
                name: passed.name.clone(),
            }),
            transform::ShapeColumn::Made(made) => Ok(GuestColumn::Made {
                field: arena.field(made.field, 0)?,
                sources: made
                    .from
                    .iter()
                    .map(|index| input(*index))
                    .collect::<Result<_, _>>()?,
            }),
        })
        .collect::<Result<_, String>>()?;
    Ok(GuestShape {
        carry_rest: shape.carry == transform::Carry::Rest,
        columns,
    })
}

/// A guest's schema of its own making, or what is wrong with it.
pub(crate) fn lift_schema(schema: &types::Schema) -> Result<Schema, String> {
    let mut arena = Arena {
        fields: &schema.fields,
        left: MAX_FIELDS,
    };
    let columns = arena
        .columns(&schema.columns)
        .map_err(|why| why.replace("its shape", "its schema"))?;
    Ok(Schema::new(columns))
}

/// The fields of a shape, and how many more of them its types may come to.
struct Arena<'a> {
    fields: &'a [types::Field],
    left: usize,
}

impl Arena<'_> {
    /// Columns, of different names.
    fn columns(&mut self, indices: &[u32]) -> Result<Vec<FieldRef>, String> {
        let mut names = HashSet::new();
        let mut columns = Vec::new();
        for index in indices {
            let field = self.field(*index, 0)?;
            let name = field.name();
            if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
                let shown = cut(name.escape_debug().to_string(), MAX_NAME_BYTES);
                return Err(format!(
                    "a column of its shape has the name `{shown}`, which is none"
                ));
            }
            if !names.insert(name.clone()) {
                return Err(format!("its shape has the column `{name}` twice"));
            }
            columns.push(field);
        }
        Ok(columns)
    }

    fn field(&mut self, index: u32, depth: usize) -> Result<FieldRef, String> {
        let Some(field) = self.fields.get(index as usize) else {
            return Err(format!(
                "its shape names field {index}, and there are {}",
                self.fields.len()
            ));
        };
        if depth > MAX_DEPTH {
            return Err(format!("its types nest deeper than {MAX_DEPTH} levels"));
        }
        self.left = match self.left.checked_sub(1) {
            Some(left) => left,
            None => return Err(format!("its shape has more than {MAX_FIELDS} fields")),
        };
        let data_type = self.data_type(index, &field.data_type, depth)?;
        Ok(Field::new(&field.name, data_type, field.nullable).into())
    }

    /// A field inside another one. Columns' names are held against the grant; these are the guest's own.
    fn member(&mut self, holder: u32, index: u32, depth: usize) -> Result<FieldRef, String> {
        // Members stand behind their holder, so no type holds itself.
        if index <= holder {
            return Err("a type of its shape holds itself".into());
        }
        let field = self.field(index, depth + 1)?;
        let name = field.name();
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
            return Err(format!(
                "a member of its shape has the name `{}`, which is none",
                cut(name.escape_debug().to_string(), MAX_NAME_BYTES)
            ));
        }
        Ok(field)
    }

    fn members(&mut self, holder: u32, indices: &[u32], depth: usize) -> Result<Fields, String> {
        if indices.is_empty() {
            return Err("a struct of its shape has no members".into());
        }
        let members: Vec<FieldRef> = indices
            .iter()
            .map(|index| self.member(holder, *index, depth))
            .collect::<Result<_, _>>()?;
        let mut names = HashSet::new();
        match members
            .iter()
            .find(|member| !names.insert(member.name().as_str()))
        {
            Some(twice) => Err(format!(
                "a struct of its shape has the member `{}` twice",
                twice.name()
            )),
            None => Ok(members.into()),
        }
    }

    fn data_type(
        &mut self,
        holder: u32,
        data_type: &types::DataType,
        depth: usize,
    ) -> Result<DataType, String> {
        use types::DataType as Wit;
        Ok(match data_type {
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
            Wit::Decimal128(shape) => {
                decimal(*shape, 38).map(|(precision, scale)| DataType::Decimal128(precision, scale))?
            }
            Wit::Decimal256(shape) => {
                decimal(*shape, 76).map(|(precision, scale)| DataType::Decimal256(precision, scale))?
            }
            Wit::Utf8 => DataType::Utf8,
            Wit::Binary => DataType::Binary,
            Wit::FixedBinary(length) => match i32::try_from(*length) {
                Ok(length) if (1..=65_536).contains(&length) => DataType::FixedSizeBinary(length),
                _ => return Err(format!("its shape has a fixed-binary({length})")),
            },
            Wit::Date32 => DataType::Date32,
            Wit::Time64(types::TimeUnit::Second | types::TimeUnit::Millisecond) => {
                let why = "its shape has a time64 that counts neither microseconds nor nanoseconds";
                return Err(why.into());
            }
            Wit::Time64(unit) => DataType::Time64(lift_unit(*unit)),
            Wit::Timestamp(stamp) => {
                DataType::Timestamp(lift_unit(stamp.unit), zone(stamp.timezone.as_deref())?)
            }
            Wit::Duration(unit) => DataType::Duration(lift_unit(*unit)),
            Wit::ListOf(item) => DataType::List(self.member(holder, *item, depth)?),
            Wit::StructOf(members) => DataType::Struct(self.members(holder, members, depth)?),
            Wit::MapOf((key, value)) => {
                let pair = self.members(holder, &[*key, *value], depth)?;
                let key = Field::clone(&pair[0]).with_nullable(false);
                let pair = Fields::from(vec![Arc::new(key), pair[1].clone()]);
                DataType::Map(Field::new("entries", DataType::Struct(pair), false).into(), false)
            }
        })
    }
}

fn decimal(decimal: types::Decimal, most: u8) -> Result<(u8, i8), String> {
    let right = (1..=most).contains(&decimal.precision)
        && u8::try_from(decimal.scale).is_ok_and(|scale| scale <= decimal.precision);
    if right {
        Ok((decimal.precision, decimal.scale))
    } else {
        Err(format!(
            "its shape has a decimal({},{})",
            decimal.precision, decimal.scale
        ))
    }
}

fn zone(name: Option<&str>) -> Result<Option<Arc<str>>, String> {
    match name {
        None => Ok(None),
        Some(name) if name.parse::<chrono_tz::Tz>().is_ok() => Ok(Some(name.into())),
        Some(name) => Err(format!(
            "its shape has a time zone `{}` that is none",
            name.escape_debug()
        )),
    }
}

fn lift_unit(unit: types::TimeUnit) -> TimeUnit {
    match unit {
        types::TimeUnit::Second => TimeUnit::Second,
        types::TimeUnit::Millisecond => TimeUnit::Millisecond,
        types::TimeUnit::Microsecond => TimeUnit::Microsecond,
        types::TimeUnit::Nanosecond => TimeUnit::Nanosecond,
    }
}
