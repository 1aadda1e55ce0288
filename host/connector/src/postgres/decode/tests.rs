//! Streams as they can be cut, and values at the ends of what a type holds.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int64Type};
use arrow_array::{Array, Int64Array, StringArray};
use arrow_buffer::i256;
use tidegate_core::schema::Column;

use super::super::wire::TRAILER;
use super::*;

fn columns(list: &[(&str, &str)]) -> (SchemaRef, Vec<Shape>) {
    let columns: Vec<Column> = list
        .iter()
        .map(|(data_type, _)| Column::new("c", data_type.parse().unwrap()))
        .collect();
    let shapes = list
        .iter()
        .map(|(data_type, found)| {
            plan(
                "c",
                &data_type.parse().unwrap(),
                &Found::Plain((*found).to_owned()),
            )
            .unwrap()
            .1
        })
        .collect();
    let fields: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| column.field().with_name(format!("c{index}")))
        .collect();
    (Arc::new(arrow_schema::Schema::new(fields)), shapes)
}

fn tuple(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut bytes = (values.len() as i16).to_be_bytes().to_vec();
    for value in values {
        match value {
            None => bytes.extend(MISSING.to_be_bytes()),
            Some(value) => {
                bytes.extend((value.len() as i32).to_be_bytes());
                bytes.extend_from_slice(value);
            }
        }
    }
    bytes
}

/// The digits of a `numeric`: their count, the weight of the first, the sign, and themselves.
fn numeric(weight: i16, sign: u16, digits: &[u16]) -> Vec<u8> {
    let mut bytes = (digits.len() as u16).to_be_bytes().to_vec();
    bytes.extend(weight.to_be_bytes());
    bytes.extend(sign.to_be_bytes());
    bytes.extend(0_u16.to_be_bytes());
    for digit in digits {
        bytes.extend(digit.to_be_bytes());
    }
    bytes
}

#[test]
fn rows_are_the_same_wherever_the_stream_is_cut() {
    let (schema, shapes) = columns(&[("int64", "INT8"), ("utf8", "TEXT")]);
    let mut stream = HEADER.to_vec();
    for row in 0..50_i64 {
        let text = format!("row {row}");
        let text = (row % 7 != 0).then_some(text.as_bytes());
        stream.extend(tuple(&[Some(&row.to_be_bytes()), text]));
    }
    stream.extend(TRAILER);
    for cut in [1, 2, 3, 7, 16, 33, 1_000, stream.len()] {
        let mut decoder = Decoder::new(schema.clone(), &shapes, false, 8);
        let mut batches = Vec::new();
        for piece in stream.chunks(cut) {
            let mut next = decoder.push(piece).unwrap();
            while let Some(full) = next {
                assert_eq!(full.batch.num_rows(), 8);
                batches.push(full);
                next = decoder.push(&[]).unwrap();
            }
        }
        batches.extend(decoder.finish().unwrap());
        decoder.end().unwrap();
        let ids: Vec<i64> = batches
            .iter()
            .flat_map(|batch| {
                batch
                    .batch
                    .column(0)
                    .as_primitive::<Int64Type>()
                    .values()
                    .to_vec()
            })
            .collect();
        assert_eq!(ids, (0..50).collect::<Vec<_>>(), "cut at {cut}");
        let texts: usize = batches
            .iter()
            .map(|batch| batch.batch.column(1).null_count())
            .sum();
        assert_eq!(texts, 8);
    }
}

#[test]
fn a_stream_that_breaks_off_or_is_another_is_refused() {
    let (schema, shapes) = columns(&[("int64", "INT8")]);
    let decoder = || Decoder::new(schema.clone(), &shapes, false, 8);
    let mut cut = decoder();
    cut.push(HEADER).unwrap();
    cut.push(&tuple(&[Some(&1_i64.to_be_bytes())])[..7]).unwrap();
    assert!(cut.end().is_err());
    assert!(decoder().push(b"PGCOPY\n, but not the rest").is_err());
    let mut wide = decoder();
    wide.push(HEADER).unwrap();
    assert!(wide.push(&tuple(&[None, None])).is_err());
}

#[test]
fn a_bad_value_takes_its_row_out_and_no_other() {
    let (schema, shapes) = columns(&[("int8", "INT4"), ("timestamp(ms)", "TIMESTAMP")]);
    let mut decoder = Decoder::new(schema, &shapes, true, 100);
    let mut stream = HEADER.to_vec();
    let second = 1_000_000_i64.to_be_bytes();
    for (number, at, large) in [
        (1_i32, second, None),
        (128, second, None),
        (3, 1_i64.to_be_bytes(), None),
        (4, i64::MAX.to_be_bytes(), None),
        (-129, i64::MIN.to_be_bytes(), None),
        (6, second, Some(&b"`body` has 9 bytes"[..])),
        (7, second, None),
    ] {
        stream.extend(tuple(&[Some(&number.to_be_bytes()), Some(&at), large]));
    }
    stream.extend(TRAILER);
    assert!(decoder.push(&stream).unwrap().is_none());
    let taken = decoder.finish().unwrap().unwrap();
    decoder.end().unwrap();
    assert_eq!((taken.batch.num_rows(), taken.first_bad), (2, Some(2)));
    let rejects = taken.rejects.unwrap();
    assert_eq!(
        rejects.messages.iter().flatten().collect::<Vec<_>>(),
        [
            "`c0` is 128, which does not fit",
            "`c1` has microseconds or a year that a unit of 1 ms cannot hold",
            "`c1` is infinite",
            "`c0` is -129, which does not fit; `c1` is infinite",
            "`body` has 9 bytes",
        ]
    );
    assert_eq!(rejects.rows.num_rows(), 5);
}

#[test]
fn digits_become_decimals_without_rounding() {
    let read = |bytes: &[u8], precision, scale| numeric::decimal::<i128>(bytes, precision, scale);
    // 12345678.9 is 1234, 5678, 9000.
    let number = numeric(1, 0, &[1234, 5678, 9000]);
    assert_eq!(read(&number, 12, 2), Ok(1_234_567_890));
    assert_eq!(read(&number, 9, 1), Ok(123_456_789));
    assert_eq!(read(&number, 9, 0), Err("has more decimal places than 0".into()));
    assert_eq!(
        read(&number, 8, 1),
        Err("has more digits than decimal(8,1) holds".into())
    );
    // A weight below the point: 0.00012 is 1, 2000 at -1.
    assert_eq!(read(&numeric(-1, 0x4000, &[1, 2000]), 9, 5), Ok(-12));
    // Zeros that are not sent: 10,000,000,000.
    assert_eq!(read(&numeric(2, 0, &[100]), 38, 20), Ok(10_i128.pow(30)));
    assert_eq!(read(&numeric(0, 0, &[]), 1, 0), Ok(0));
    // 38 digits, of which the last group is padded past what 128 bits hold.
    let widest = numeric(8, 0, &[9999; 9].into_iter().chain([9900]).collect::<Vec<_>>());
    assert_eq!(read(&widest, 38, 2), Ok(10_i128.pow(38) - 1));
    assert!(read(&numeric(8, 0, &[9999]), 38, 2).is_ok());
    assert!(read(&numeric(9, 0, &[1]), 38, 2).is_err());
    let wide = numeric::decimal::<i256>(&numeric(17, 0, &[1]), 76, 2).unwrap();
    assert_eq!(wide, i256::from_i128(10).checked_pow(70).unwrap());
    for (sign, told) in [
        (0xC000, "is NaN"),
        (0xD000, "is infinite"),
        (0xF000, "is infinite"),
    ] {
        assert_eq!(read(&numeric(0, sign, &[]), 9, 2), Err(told.into()));
    }
    assert_eq!(
        numeric::whole::<u64>(&numeric(4, 0, &[1844, 6744, 737, 955, 1615])),
        Ok(u64::MAX)
    );
    assert!(numeric::whole::<u64>(&numeric(0, 0x4000, &[1])).is_err());
}

#[test]
fn text_that_is_no_utf8_and_json_that_is_another_are_found_by_row() {
    let (schema, shapes) = columns(&[("utf8", "TEXT"), ("struct(a: int8, b: decimal(9,2))", "JSONB")]);
    let mut decoder = Decoder::new(schema, &shapes, false, 100);
    let mut stream = HEADER.to_vec();
    for (text, json) in [
        (&b"ok"[..], &b"\x01{\"a\": 1, \"b\": 1.25, \"c\": null}"[..]),
        (b"\xff", b"\x01{\"a\": 2}"),
        (b"ok", b"\x01{\"a\": 300}"),
        (b"ok", b"\x02{}"),
        (b"ok", b"\x01{\"a\": 5}"),
    ] {
        stream.extend(tuple(&[Some(text), Some(json)]));
    }
    stream.extend(tuple(&[None, None]));
    decoder.push(&stream).unwrap();
    let taken = decoder.finish().unwrap().unwrap();
    assert_eq!(taken.batch.num_rows(), 3);
    let members = taken.batch.column(1).as_struct();
    assert_eq!(members.column(1).as_primitive::<Decimal128Type>().value(0), 125);
    let messages = taken.rejects.unwrap().messages;
    let messages: Vec<&str> = messages.iter().flatten().collect();
    assert_eq!(messages[0], "`c0` is not UTF-8");
    assert!(
        messages[1].starts_with("`c1` is not what the schema says"),
        "{messages:?}"
    );
    assert_eq!(messages[2], "`c1` is jsonb of the version 2");
}

#[test]
fn arrays_of_one_dimension_are_lists() {
    let (_, shape) = plan(
        "tags",
        &"list(int64)".parse().unwrap(),
        &Found::Array(Box::new(Found::Plain("INT4".into()))),
    )
    .unwrap();
    let schema = Arc::new(arrow_schema::Schema::new(vec![
        Column::new("tags", "list(int64)".parse().unwrap()).field(),
    ]));
    let mut decoder = Decoder::new(schema, &[shape], false, 100);
    let array = |dimensions: i32, items: &[Option<i32>]| {
        let mut bytes = Vec::new();
        for part in [dimensions, 1, 23] {
            bytes.extend(part.to_be_bytes());
        }
        for _ in 0..dimensions {
            bytes.extend((items.len() as i32).to_be_bytes());
            bytes.extend(1_i32.to_be_bytes());
        }
        for item in items {
            match item {
                None => bytes.extend(MISSING.to_be_bytes()),
                Some(item) => {
                    bytes.extend(4_i32.to_be_bytes());
                    bytes.extend(item.to_be_bytes());
                }
            }
        }
        bytes
    };
    let mut stream = HEADER.to_vec();
    for value in [
        array(1, &[Some(1), None, Some(3)]),
        array(0, &[]),
        array(2, &[Some(4)]),
    ] {
        stream.extend(tuple(&[Some(&value)]));
    }
    stream.extend(tuple(&[None]));
    decoder.push(&stream).unwrap();
    let taken = decoder.finish().unwrap().unwrap();
    let lists = taken.batch.column(0).as_list::<i32>();
    assert_eq!(
        lists.value(0).as_ref(),
        &Int64Array::from(vec![Some(1), None, Some(3)]) as &dyn Array
    );
    assert_eq!((lists.value(1).len(), lists.is_null(2)), (0, true));
    assert_eq!(
        taken.rejects.unwrap().messages,
        StringArray::from(vec!["`tags` is an array of 2 dimensions, not a list"])
    );
}

#[test]
fn a_type_that_is_another_is_refused_with_the_right_one() {
    let found = |kind: &str| Found::Plain(kind.into());
    let refused = |ours: &str, theirs: &Found| plan("c", &ours.parse().unwrap(), theirs).unwrap_err();
    assert_eq!(
        refused("float64", &found("NUMERIC")),
        "the server has `numeric`, which is `decimal(p,s)` or `utf8`, not `float64`"
    );
    assert_eq!(
        refused("int64", &Found::Enum("mood".into())),
        "the server has `mood`, which can be read as `utf8`, not `int64`"
    );
    assert_eq!(
        plan("c", &"utf8".parse().unwrap(), &found("UUID")).unwrap().0,
        "\"c\"::text"
    );
    assert_eq!(
        plan(
            "c",
            &"list(utf8)".parse().unwrap(),
            &Found::Array(Box::new(found("UUID")))
        )
        .unwrap()
        .0,
        "\"c\"::text[]"
    );
}
