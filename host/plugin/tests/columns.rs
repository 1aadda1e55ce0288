//! Columns over the boundary and back: every type as it was, and no lie about one is ever believed.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Decimal256Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, MapArray, PrimitiveArray,
    StringArray, StructArray, make_array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer, i256};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Fields, TimeUnit};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidegate_plugin::v0_1::{Column, lift, lower};

/// How many values of a test's array may be missing.
#[derive(Clone, Copy, PartialEq)]
enum Missing {
    None,
    Some,
    All,
}

/// A random type, nested at most so deep.
fn data_type(random: &mut StdRng, depth: usize) -> DataType {
    let zone = || Some(Arc::from("Europe/London"));
    let units = [
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ];
    let unit = units[random.random_range(0..4)];
    let flat = [
        DataType::Boolean,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(9, 2),
        DataType::Decimal256(60, 4),
        DataType::Utf8,
        DataType::Binary,
        DataType::FixedSizeBinary(3),
        DataType::Date32,
        DataType::Time64(if random.random() {
            TimeUnit::Microsecond
        } else {
            TimeUnit::Nanosecond
        }),
        DataType::Timestamp(unit, None),
        DataType::Timestamp(unit, zone()),
        DataType::Duration(unit),
    ];
    let nested = if depth > 0 { 6 } else { 0 };
    match random.random_range(0..flat.len() + nested) {
        index if index < flat.len() => flat[index].clone(),
        index if index < flat.len() + 2 => DataType::List(member(random, "item", depth)),
        index if index < flat.len() + 4 => {
            let members = random.random_range(1..4);
            DataType::Struct(
                (0..members)
                    .map(|index| member(random, &format!("m{index}"), depth))
                    .collect(),
            )
        }
        _ => {
            let key = Field::new("key", data_type(random, 0), false);
            let pair = Fields::from(vec![Arc::new(key), member(random, "value", depth)]);
            DataType::Map(Field::new("entries", DataType::Struct(pair), false).into(), false)
        }
    }
}

fn member(random: &mut StdRng, name: &str, depth: usize) -> Arc<Field> {
    let nullable = random.random_range(0..4) > 0;
    Field::new(name, data_type(random, depth - 1), nullable).into()
}

/// Random values of a type.
fn array(random: &mut StdRng, data_type: &DataType, rows: usize, missing: Missing) -> ArrayRef {
    let nulls = nulls(random, rows, missing);
    match data_type {
        DataType::Boolean => {
            let bits: Vec<bool> = (0..rows).map(|_| random.random()).collect();
            Arc::new(BooleanArray::new(bits.into(), nulls))
        }
        DataType::Utf8 => {
            let texts: Vec<String> = (0..rows)
                .map(|_| {
                    (0..random.random_range(0..6))
                        .map(|_| ['a', 'é', '語', '🦀'][random.random_range(0..4)])
                        .collect()
                })
                .collect();
            let (offsets, values, _) = StringArray::from(texts).into_parts();
            Arc::new(StringArray::new(offsets, values, nulls))
        }
        DataType::Binary => {
            let offsets = offsets(random, rows);
            let values = bytes(random, offsets.last().map_or(0, |end| *end as usize));
            Arc::new(BinaryArray::new(offsets, values, nulls))
        }
        DataType::FixedSizeBinary(width) => {
            let values = bytes(random, rows * *width as usize);
            Arc::new(FixedSizeBinaryArray::new(*width, values, nulls))
        }
        DataType::Decimal128(precision, scale) => {
            let values: Vec<i128> = (0..rows)
                .map(|_| random.random_range(-999_999_999..=999_999_999))
                .collect();
            let numbers = PrimitiveArray::<Decimal128Type>::new(values.into(), nulls);
            Arc::new(numbers.with_precision_and_scale(*precision, *scale).unwrap())
        }
        DataType::Decimal256(precision, scale) => {
            let values: Vec<i256> = (0..rows).map(|_| i256::from_i128(random.random())).collect();
            let numbers = PrimitiveArray::<Decimal256Type>::new(values.into(), nulls);
            Arc::new(numbers.with_precision_and_scale(*precision, *scale).unwrap())
        }
        DataType::Time64(_) => {
            let values: Vec<i64> = (0..rows)
                .map(|_| random.random_range(0..86_400_000_000))
                .collect();
            of_buffer(data_type, rows, Buffer::from_vec(values), nulls)
        }
        DataType::List(item) => {
            let offsets = offsets(random, rows);
            let inner = inner(item, missing);
            let values = array(random, item.data_type(), offsets[rows] as usize, inner);
            Arc::new(ListArray::new(item.clone(), offsets, values, nulls))
        }
        DataType::Struct(members) => {
            let arrays = members
                .iter()
                .map(|member| array(random, member.data_type(), rows, inner(member, missing)))
                .collect();
            Arc::new(StructArray::try_new_with_length(members.clone(), arrays, nulls, rows).unwrap())
        }
        DataType::Map(entries, sorted) => {
            let offsets = offsets(random, rows);
            let DataType::Struct(pair) = entries.data_type() else {
                panic!("a map of {entries}")
            };
            let arrays = pair
                .iter()
                .map(|member| {
                    array(
                        random,
                        member.data_type(),
                        offsets[rows] as usize,
                        inner(member, missing),
                    )
                })
                .collect();
            let pairs = StructArray::new(pair.clone(), arrays, None);
            Arc::new(MapArray::new(entries.clone(), offsets, pairs, nulls, *sorted))
        }
        fixed => {
            let values = bytes(random, rows * fixed.primitive_width().unwrap());
            of_buffer(fixed, rows, values, nulls)
        }
    }
}

fn inner(member: &Field, missing: Missing) -> Missing {
    if member.is_nullable() {
        missing
    } else {
        Missing::None
    }
}

fn nulls(random: &mut StdRng, rows: usize, missing: Missing) -> Option<NullBuffer> {
    match missing {
        Missing::None => None,
        Missing::Some => Some(
            (0..rows)
                .map(|_| random.random_range(0..3) > 0)
                .collect::<Vec<bool>>()
                .into(),
        ),
        Missing::All => Some(NullBuffer::new_null(rows)),
    }
}

fn offsets(random: &mut StdRng, rows: usize) -> OffsetBuffer<i32> {
    OffsetBuffer::from_lengths((0..rows).map(|_| random.random_range(0..4)))
}

fn bytes(random: &mut StdRng, length: usize) -> Buffer {
    Buffer::from_vec((0..length).map(|_| random.random()).collect::<Vec<u8>>())
}

fn of_buffer(data_type: &DataType, rows: usize, values: Buffer, nulls: Option<NullBuffer>) -> ArrayRef {
    let builder = ArrayData::builder(data_type.clone())
        .len(rows)
        .nulls(nulls)
        .add_buffer(values);
    make_array(builder.align_buffers(true).build().unwrap())
}

/// What a guest does with a column that it gives back: every buffer is another allocation.
fn crossed(column: Column) -> Column {
    Column {
        nodes: column.nodes,
        buffers: column
            .buffers
            .iter()
            .map(|buffer| Bytes::from(buffer.to_vec()))
            .collect(),
    }
}

#[test]
fn every_type_comes_back_as_it_was() {
    let mut random = StdRng::seed_from_u64(1);
    let (mut nested, mut sliced) = (0, 0);
    for round in 0..3_000 {
        let missing = [Missing::None, Missing::Some, Missing::All][round % 3];
        let rows = [0, 1, 7, 8, 9, 64, 100][random.random_range(0..7)];
        let data_type = data_type(&mut random, 3);
        let whole = array(&mut random, &data_type, rows, missing);
        let start = random.random_range(0..=rows);
        let length = random.random_range(0..=rows - start);
        let cut = random.random();
        let part = if cut { whole.slice(start, length) } else { whole };
        nested += u32::from(data_type.is_nested());
        sliced += u32::from(cut && start % 8 != 0 && length > 0);
        let field = Field::new("c", data_type.clone(), missing != Missing::None);
        let back = lift(&field, crossed(lower(part.as_ref())), part.len());
        let back = back.unwrap_or_else(|error| panic!("{data_type} of {} rows: {error}", part.len()));
        back.to_data().validate_full().unwrap();
        assert_eq!(&back, &part, "{data_type}");
        assert_eq!(back.data_type(), &data_type);
        assert_eq!(back.null_count(), part.null_count());
    }
    assert!(nested > 500 && sliced > 300, "{nested} nested, {sliced} sliced");
}

#[test]
fn nothing_but_the_rows_of_a_slice_crosses() {
    let texts = StringArray::from_iter_values((0..1_000).map(|n| format!("{n:04}")));
    let column = lower(&texts.slice(11, 3));
    let sizes: Vec<usize> = column.buffers.iter().map(Bytes::len).collect();
    assert_eq!(sizes, [0, 16, 12]);
    assert_eq!(&column.buffers[2][..], b"001100120013");
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>((0..100).map(|n| Some(vec![Some(n); 2])));
    let column = lower(&lists.slice(50, 2));
    assert_eq!(
        column.nodes.iter().map(|node| node.row_count).collect::<Vec<_>>(),
        [2, 4]
    );
    assert_eq!(
        column.buffers.iter().map(Bytes::len).collect::<Vec<_>>(),
        [0, 12, 0, 16]
    );
    let flags = BooleanArray::from(vec![true; 100]).slice(3, 9);
    assert_eq!(lower(&flags).buffers[1].len(), 2);
    // A mask without a missing value is not sent.
    let masked = PrimitiveArray::<Int32Type>::new(vec![1, 2].into(), Some(NullBuffer::new_valid(2)));
    assert!(lower(&masked).buffers[0].is_empty());
}

#[test]
fn a_member_that_must_be_there_may_be_missing_with_its_holder() {
    let members = Fields::from(vec![Field::new("x", DataType::Int32, false)]);
    let nulls = NullBuffer::from(vec![true, false]);
    let x: ArrayRef = Arc::new(PrimitiveArray::<Int32Type>::new(
        vec![1, 2].into(),
        Some(nulls.clone()),
    ));
    let pairs = StructArray::new(members.clone(), vec![x], Some(nulls));
    let field = Field::new("c", DataType::Struct(members), true);
    let back = lift(&field, crossed(lower(&pairs)), 2).unwrap();
    assert_eq!(back.as_ref(), &pairs as &dyn Array);
    // Alone it may not.
    let mut column = lower(&pairs);
    column.nodes[0].null_count = 0;
    column.buffers[0] = Bytes::new();
    let error = lift(&field, column, 2).unwrap_err().to_string();
    assert!(error.contains("non-nullable"), "{error}");
}

#[test]
fn buffers_may_lie_at_any_address() {
    let numbers: ArrayRef = Arc::new(PrimitiveArray::<Decimal128Type>::from(vec![1, 2, 3]));
    let column = lower(numbers.as_ref());
    let shifted = |buffer: &Bytes| {
        let mut bytes = vec![0; 1];
        bytes.extend_from_slice(buffer);
        Bytes::from(bytes).slice(1..)
    };
    let column = Column {
        buffers: column.buffers.iter().map(shifted).collect(),
        ..column
    };
    let field = Field::new("c", numbers.data_type().clone(), false);
    assert_eq!(&lift(&field, column, 3).unwrap(), &numbers);
}

#[test]
fn values_beyond_their_type_are_refused_unless_missing() {
    let day = 86_400_000_000i64;
    for (value, good) in [(0, true), (day - 1, true), (day, false), (-1, false)] {
        let times = ScalarBuffer::from(vec![1, value]);
        let of = |nulls: Option<NullBuffer>| {
            let array =
                PrimitiveArray::<arrow_array::types::Time64MicrosecondType>::new(times.clone(), nulls);
            let field = Field::new("c", array.data_type().clone(), true);
            lift(&field, lower(&array), 2)
        };
        assert_eq!(of(None).is_ok(), good, "{value}");
        assert!(of(Some(BooleanBuffer::from(vec![true, false]).into())).is_ok());
    }
}

/// One change for the worse, or for nothing.
fn mutate(random: &mut StdRng, column: &mut Column) {
    let counts = [0, 1, 2, 7, 8, 9, 255, 1 << 16, i32::MAX as u32, u32::MAX];
    let numbers = [i32::MIN, -1, 0, 1, 2, 8, 1 << 20, i32::MAX - 1, i32::MAX];
    let node = random.random_range(0..column.nodes.len());
    let buffer = random.random_range(0..column.buffers.len());
    match random.random_range(0..9) {
        0 => column.nodes[node].row_count = counts[random.random_range(0..counts.len())],
        1 => column.nodes[node].null_count = counts[random.random_range(0..counts.len())],
        2 if column.nodes.len() > 1 => drop(column.nodes.remove(node)),
        3 => column.nodes.push(column.nodes[node]),
        4 if column.buffers.len() > 1 => drop(column.buffers.remove(buffer)),
        5 => {
            let other = random.random_range(0..column.buffers.len());
            column.buffers.swap(buffer, other);
        }
        6 => {
            let mut bytes = column.buffers[buffer].to_vec();
            let length = random.random_range(0..bytes.len() + 9);
            bytes.resize(length, random.random());
            column.buffers[buffer] = bytes.into();
        }
        7 => {
            // An offset, if this is a buffer of some.
            let mut bytes = column.buffers[buffer].to_vec();
            if bytes.len() >= 4 {
                let at = random.random_range(0..bytes.len() / 4) * 4;
                let number = numbers[random.random_range(0..numbers.len())];
                bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
            }
            column.buffers[buffer] = bytes.into();
        }
        _ => {
            let mut bytes = column.buffers[buffer].to_vec();
            if !bytes.is_empty() {
                let at = random.random_range(0..bytes.len());
                bytes[at] ^= 1 << random.random_range(0..8);
            }
            column.buffers[buffer] = bytes.into();
        }
    }
}

#[test]
fn what_is_believed_is_true() {
    let mut random = StdRng::seed_from_u64(2);
    let (mut refused, mut believed) = (0, 0);
    for round in 0..600 {
        let missing = [Missing::None, Missing::Some, Missing::All][round % 3];
        let rows = [0, 1, 8, 9, 33][random.random_range(0..5)];
        let data_type = data_type(&mut random, 3);
        let good = crossed(lower(array(&mut random, &data_type, rows, missing).as_ref()));
        let field = Field::new("c", data_type, missing != Missing::None);
        for _ in 0..40 {
            let mut column = good.clone();
            for _ in 0..random.random_range(1..4) {
                mutate(&mut random, &mut column);
            }
            match lift(&field, column, rows) {
                Ok(array) => {
                    believed += 1;
                    assert_eq!((array.len(), array.data_type()), (rows, field.data_type()));
                    array.to_data().validate_full().unwrap();
                    assert!(field.is_nullable() || array.null_count() == 0);
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.column.starts_with('c') && !error.why.is_empty());
                }
            }
        }
    }
    assert!(
        refused > 5_000 && believed > 2_000,
        "{refused} refused, {believed} believed"
    );
}
