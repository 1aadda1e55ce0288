//! JSON values as the arrays of columns. A value that does not fit its type is an error: none is changed to fit.

use std::borrow::Cow;

use arrow_buffer::{NullBuffer, OffsetBuffer};
use serde_json::value::RawValue;
use tidegate_sdk::prelude::*;

use crate::config::Format;
use crate::entries::Entries;
use crate::misfit::Misfit;
use crate::number::{is_number, scaled};
use crate::{instant, misfit};

/// A value of a record, as the JSON that stands there.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    /// Which record of the page, from 0.
    pub(crate) record: usize,
    /// Nothing where there is nothing, or `null`.
    pub(crate) json: Option<&'a str>,
}

impl<'a> Value<'a> {
    pub(crate) fn new(record: usize, json: &'a str) -> Self {
        Self {
            record,
            json: (json != "null").then_some(json),
        }
    }

    fn of(record: usize, raw: &'a RawValue) -> Self {
        Self::new(record, raw.get())
    }
}

/// The column of a type.
pub(crate) fn array(
    data_type: &DataType,
    format: Option<Format>,
    values: &[Value<'_>],
) -> Result<ArrayRef, Misfit> {
    let types = Typed {
        data_type,
        format,
        values,
    };
    Ok(match data_type {
        DataType::Boolean => Arc::new(BooleanArray::from(types.read(boolean)?)),
        DataType::Int8 => types.integers::<Int8Type>()?,
        DataType::Int16 => types.integers::<Int16Type>()?,
        DataType::Int32 => types.integers::<Int32Type>()?,
        DataType::Int64 => types.integers::<Int64Type>()?,
        DataType::UInt8 => types.integers::<UInt8Type>()?,
        DataType::UInt16 => types.integers::<UInt16Type>()?,
        DataType::UInt32 => types.integers::<UInt32Type>()?,
        DataType::UInt64 => types.integers::<UInt64Type>()?,
        DataType::Float32 => types.primitive::<Float32Type>(|json| float(json, f32::is_finite))?,
        DataType::Float64 => types.primitive::<Float64Type>(|json| float(json, f64::is_finite))?,
        DataType::Decimal128(precision, scale) => {
            let bound = 10_i128.checked_pow(u32::from(*precision)).unwrap_or(i128::MAX);
            let read = |json: &str| {
                scaled(&number(json)?, scale.unsigned_abs()).filter(|value| -bound < *value && *value < bound)
            };
            let decimals: Decimal128Array = types.read(read)?.into();
            Arc::new(decimals.with_precision_and_scale(*precision, *scale)?)
        }
        DataType::Utf8 if format == Some(Format::Json) => {
            Arc::new(values.iter().map(|value| value.json).collect::<StringArray>())
        }
        DataType::Utf8 => Arc::new(StringArray::from_iter(types.read(text)?)),
        DataType::Date32 => types.primitive::<Date32Type>(|json| instant::day(&text(json)?))?,
        DataType::Timestamp(unit, zone) => types.timestamps(*unit, zone.clone())?,
        DataType::List(item) => types.list(item)?,
        DataType::Struct(members) => types.members(members)?,
        DataType::Map(entries, _) => types.map(entries)?,
        // The config's types are those above: `kind.rs` makes no other.
        other => return Err(Misfit::config(format!("{other} is not read from JSON"))),
    })
}

/// The values of a column, and what they are to become.
struct Typed<'a> {
    data_type: &'a DataType,
    format: Option<Format>,
    values: &'a [Value<'a>],
}

impl<'a> Typed<'a> {
    fn misfit(&self, value: &Value<'_>) -> Misfit {
        let found = misfit::found(value.json.unwrap_or("null"));
        Misfit::new(value.record, found, &misfit::wanted(self.data_type, self.format))
    }

    /// Each value as `of` reads it; an error where it reads none.
    fn read<T>(&self, of: impl Fn(&'a str) -> Option<T>) -> Result<Vec<Option<T>>, Misfit> {
        let read = |value: &'a Value<'a>| match value.json {
            None => Ok(None),
            Some(json) => of(json).map(Some).ok_or_else(|| self.misfit(value)),
        };
        self.values.iter().map(read).collect()
    }

    fn primitive<T: ArrowPrimitiveType>(
        &self,
        of: impl Fn(&'a str) -> Option<T::Native>,
    ) -> Result<ArrayRef, Misfit> {
        Ok(Arc::new(PrimitiveArray::<T>::from_iter(self.read(of)?)))
    }

    fn integers<T: ArrowPrimitiveType>(&self) -> Result<ArrayRef, Misfit>
    where
        T::Native: TryFrom<i128>,
    {
        self.primitive::<T>(|json| T::Native::try_from(scaled(&number(json)?, 0)?).ok())
    }

    fn timestamps(&self, unit: TimeUnit, zone: Option<Arc<str>>) -> Result<ArrayRef, Misfit> {
        let (format, has_zone) = (self.format, zone.is_some());
        let counted = self.read(|json| match format {
            Some(format) => instant::epoch(&number(json)?, format, unit),
            None if has_zone => instant::instant(&text(json)?, unit),
            None => instant::wall_clock(&text(json)?, unit),
        })?;
        Ok(match unit {
            TimeUnit::Second => Arc::new(TimestampSecondArray::from(counted).with_timezone_opt(zone)),
            TimeUnit::Millisecond => {
                Arc::new(TimestampMillisecondArray::from(counted).with_timezone_opt(zone))
            }
            TimeUnit::Microsecond => {
                Arc::new(TimestampMicrosecondArray::from(counted).with_timezone_opt(zone))
            }
            TimeUnit::Nanosecond => Arc::new(TimestampNanosecondArray::from(counted).with_timezone_opt(zone)),
        })
    }

    fn list(&self, item: &Arc<Field>) -> Result<ArrayRef, Misfit> {
        let lists = self.read(|json| serde_json::from_str::<Vec<&RawValue>>(json).ok())?;
        let lengths = lists.iter().map(|list| list.as_ref().map_or(0, Vec::len));
        let offsets = OffsetBuffer::from_lengths(lengths);
        let nulls: NullBuffer = lists.iter().map(Option::is_some).collect();
        let inner = self.inner(&lists, |list| list.iter().copied());
        let items = array(item.data_type(), self.format, &inner).map_err(|misfit| misfit.within("[]"))?;
        Ok(Arc::new(ListArray::try_new(
            item.clone(),
            offsets,
            items,
            Some(nulls),
        )?))
    }

    fn members(&self, members: &arrow_schema::Fields) -> Result<ArrayRef, Misfit> {
        let objects = self.read(Entries::read)?;
        let nulls: NullBuffer = objects.iter().map(Option::is_some).collect();
        let arrays = members.iter().map(|member| {
            let of = |(value, object): (&Value<'_>, &'_ Option<Entries<'a>>)| {
                let raw = object.as_ref().and_then(|object| object.last(member.name()));
                Value {
                    record: value.record,
                    json: raw.and_then(|raw| Value::of(value.record, raw).json),
                }
            };
            let inner: Vec<Value<'a>> = self.values.iter().zip(&objects).map(of).collect();
            array(member.data_type(), self.format, &inner)
                .map_err(|misfit| misfit.within(&format!(".{}", member.name())))
        });
        let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(StructArray::try_new(
            members.clone(),
            arrays,
            Some(nulls),
        )?))
    }

    fn map(&self, entries: &Arc<Field>) -> Result<ArrayRef, Misfit> {
        let DataType::Struct(pair) = entries.data_type() else {
            return Err(Misfit::config("a map of no pairs".into()));
        };
        // A key that stands there twice would be two values of one key.
        let objects = self.read(|json| Entries::read(json).filter(|object| !object.repeats()))?;
        let lengths = objects
            .iter()
            .map(|object| object.as_ref().map_or(0, Entries::len));
        let offsets = OffsetBuffer::from_lengths(lengths);
        let nulls: NullBuffer = objects.iter().map(Option::is_some).collect();
        let keys = objects.iter().flatten().flat_map(Entries::keys).map(Some);
        let keys: StringArray = keys.collect();
        let inner = self.inner(&objects, Entries::values);
        let values = array(pair[1].data_type(), self.format, &inner).map_err(|misfit| misfit.within("{}"))?;
        let pairs = StructArray::try_new(pair.clone(), vec![Arc::new(keys), values], None)?;
        let map = MapArray::try_new(entries.clone(), offsets, pairs, Some(nulls), false)?;
        Ok(Arc::new(map))
    }

    /// What the holders of all records hold, one after the other.
    fn inner<'b, H, I>(&self, holders: &'b [Option<H>], held: impl Fn(&'b H) -> I) -> Vec<Value<'a>>
    where
        I: Iterator<Item = &'a RawValue>,
    {
        let mut inner = Vec::new();
        for (value, holder) in self.values.iter().zip(holders) {
            let held = holder.iter().flat_map(&held);
            inner.extend(held.map(|raw| Value::of(value.record, raw)));
        }
        inner
    }
}

fn boolean(json: &str) -> Option<bool> {
    match json {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A text's characters.
fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// A number's text; also of one in quotes, as APIs write numbers that JavaScript could not hold.
fn number(json: &str) -> Option<Cow<'_, str>> {
    if json.starts_with('"') {
        text(json)
    } else {
        Some(Cow::Borrowed(json))
    }
}

/// The nearest float. One beyond the type's range is none.
fn float<T: std::str::FromStr + Copy>(json: &str, is_finite: impl Fn(T) -> bool) -> Option<T> {
    let text = number(json)?;
    if is_number(&text) {
        return text.parse().ok().filter(|value| is_finite(*value));
    }
    // JSON has no words for these; those who write them take these, in quotes.
    let named = matches!(text.as_ref(), "NaN" | "Infinity" | "-Infinity");
    (named && json.starts_with('"')).then(|| text.parse().ok())?
}
