//! Values that a destination cannot hold: found by batch, told by row.

use std::net::{Ipv4Addr, Ipv6Addr};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int16Type, Int32Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, OffsetBuffer};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::DataType;
use tidegate_core::port::{ColumnDomain, Domain};

/// What a destination holds of a column.
#[derive(Debug)]
pub(crate) struct Domained {
    /// The column's place in what is loaded.
    pub(crate) index: usize,
    domain: Domain,
}

impl Domained {
    pub(crate) fn new(index: usize, column: &ColumnDomain) -> Self {
        Self {
            index,
            domain: column.domain.clone(),
        }
    }

    /// Which values are outside; none where all are inside, as nearly always.
    pub(crate) fn outside(&self, column: &ArrayRef) -> Option<BooleanBuffer> {
        outside(&self.domain, column)
    }

    /// What is wrong with a row's value, or none.
    pub(crate) fn complaint(&self, name: &str, column: &ArrayRef, row: usize) -> Option<String> {
        let one = column.slice(row, 1);
        self.outside(&one)?;
        let shown = ArrayFormatter::try_new(one.as_ref(), &FormatOptions::default())
            .ok()
            .and_then(|formatter| formatter.value(0).try_to_string().ok())
            .unwrap_or_else(|| "a date past all calendars".into());
        Some(format!("`{name}` is {shown}, which the destination cannot hold"))
    }
}

/// Which values of a column are outside a domain; none where all are inside.
fn outside(domain: &Domain, column: &ArrayRef) -> Option<BooleanBuffer> {
    let outside = match domain {
        Domain::Between { least, greatest } => {
            let inside = |value: i128| value >= *least && value <= *greatest;
            whole_numbers(column, |value| !inside(value))?
        }
        Domain::Uuid => texts(column, is_uuid)?,
        Domain::Ipv4 => texts(column, |text| text.parse::<Ipv4Addr>().is_ok())?,
        Domain::Ipv6 => texts(column, |text| {
            text.parse::<Ipv6Addr>().is_ok() || text.parse::<Ipv4Addr>().is_ok()
        })?,
        Domain::OneOf(words) => texts(column, |text| words.iter().any(|word| word == text))?,
        Domain::Bytes(most) => texts(column, |text| text.len() <= *most)?,
        Domain::Characters(most) => texts(column, |text| {
            // No text has more letters than bytes.
            text.len() <= *most || text.chars().count() <= *most
        })?,
        Domain::WithoutNul => without_nul(column)?,
        Domain::Json => texts(column, is_json)?,
        Domain::Members(members) => members
            .iter()
            .filter_map(|(index, domain)| member(domain, column, *index))
            .reduce(|all, bits| &all | &bits)?,
    };
    // What a slot without a value holds is nobody's business.
    let outside = match column.nulls() {
        Some(nulls) => &outside & nulls.inner(),
        None => outside,
    };
    (outside.count_set_bits() > 0).then_some(outside)
}

/// Which rows have a member that is outside a domain.
fn member(domain: &Domain, column: &ArrayRef, index: usize) -> Option<BooleanBuffer> {
    let spread = |outside: BooleanBuffer, offsets: &OffsetBuffer<i32>| {
        BooleanBuffer::collect_bool(column.len(), |row| {
            let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
            (start..end).any(|at| outside.value(at))
        })
    };
    match column.data_type() {
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            Some(spread(outside(domain, list.values())?, list.offsets()))
        }
        DataType::Map(..) => {
            let map = column.as_map();
            Some(spread(
                outside(domain, map.entries().columns().get(index)?)?,
                map.offsets(),
            ))
        }
        DataType::Struct(_) => outside(domain, column.as_struct().columns().get(index)?),
        _ => None,
    }
}

/// Which texts are not good; none for a type that is no text.
fn texts(column: &ArrayRef, good: impl Fn(&str) -> bool) -> Option<BooleanBuffer> {
    let texts = column.as_string_opt::<i32>()?;
    Some(BooleanBuffer::collect_bool(texts.len(), |row| {
        !good(texts.value(row))
    }))
}

/// Which texts hold the letter U+0000; nearly always none do, which one look at all bytes tells.
fn without_nul(column: &ArrayRef) -> Option<BooleanBuffer> {
    let list = column.as_string_opt::<i32>()?;
    let (start, end) = (list.value_offsets()[0], list.value_offsets()[list.len()]);
    let bytes = &list.value_data()[start as usize..end as usize];
    memchr::memchr(0, bytes)?;
    texts(column, |text| !text.contains('\0'))
}

/// Whether a text is JSON that holds no U+0000.
fn is_json(text: &str) -> bool {
    // An escape begins with a backslash that is none of an escaped one.
    let escaped = text.match_indices("\\u0000").any(|(at, _)| {
        let before = text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        before % 2 == 0
    });
    !escaped && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Which whole numbers are bad; none for a type that has none inside.
fn whole_numbers(column: &ArrayRef, bad: impl Fn(i128) -> bool) -> Option<BooleanBuffer> {
    macro_rules! find {
        ($type:ty) => {{
            let values = column.as_primitive::<$type>().values();
            BooleanBuffer::collect_bool(column.len(), |row| bad(i128::from(values[row])))
        }};
    }
    Some(match column.data_type() {
        DataType::Int8 => find!(Int8Type),
        DataType::Int16 => find!(Int16Type),
        DataType::Int32 => find!(Int32Type),
        DataType::UInt8 => find!(UInt8Type),
        DataType::UInt16 => find!(UInt16Type),
        DataType::UInt32 => find!(UInt32Type),
        DataType::UInt64 => find!(UInt64Type),
        DataType::Date32 => {
            let data = column.to_data();
            let values = data.buffer::<i32>(0);
            BooleanBuffer::collect_bool(column.len(), |row| bad(i128::from(values[row])))
        }
        // Whatever the unit: each is a number of 64 bits.
        DataType::Int64 | DataType::Timestamp(..) | DataType::Time64(_) | DataType::Duration(_) => {
            let data = column.to_data();
            let values = data.buffer::<i64>(0);
            BooleanBuffer::collect_bool(column.len(), |row| bad(i128::from(values[row])))
        }
        _ => return None,
    })
}

/// Whether a text is a UUID as RFC 9562 writes it: 8, 4, 4, 4 and 12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{Int64Builder, MapBuilder, StringBuilder};
    use arrow_array::types::Int64Type;
    use arrow_array::{Int64Array, ListArray, StringArray, StructArray};
    use arrow_schema::{Field, Fields};

    use super::*;

    fn outside(domain: Domain, column: &ArrayRef) -> Vec<usize> {
        let column_domain = ColumnDomain {
            column: "c".into(),
            domain,
        };
        let found = Domained::new(0, &column_domain).outside(column);
        found.map_or_else(Vec::new, |found| found.set_indices().collect())
    }

    #[test]
    fn values_are_found_where_they_are_wrong() {
        let texts = |texts: &[&str]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
        let uuid = "61f0c404-5cb3-11e7-907b-a6006ad3dba0";
        assert_eq!(
            outside(Domain::Uuid, &texts(&[uuid, "61f0c404", &uuid.replace('-', "0")])),
            [1, 2]
        );
        assert_eq!(
            outside(Domain::Ipv4, &texts(&["10.0.0.1", "10.0.0.256", "::1"])),
            [1, 2]
        );
        assert_eq!(outside(Domain::Ipv6, &texts(&["::1", "10.0.0.1", "::g"])), [2]);
        assert_eq!(
            outside(
                Domain::OneOf(vec!["a".into(), "b".into()]),
                &texts(&["b", "c", ""])
            ),
            [1, 2]
        );
        assert_eq!(
            outside(Domain::Bytes(2), &texts(&["ab", "abc", "ü", "üb"])),
            [1, 3]
        );
        assert_eq!(outside(Domain::Characters(2), &texts(&["ab", "üb", "übe"])), [2]);
        assert_eq!(outside(Domain::WithoutNul, &texts(&["a", "a\0", ""])), [1]);
        assert_eq!(
            outside(
                Domain::Json,
                &texts(&["{}", "[1, \"\\\\u0000\"]", "\"\\u0000\"", "{", "", "nul"])
            ),
            [2, 3, 4, 5]
        );
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(-129), Some(-128), None, Some(128)]));
        let bytes = Domain::Between {
            least: -128,
            greatest: 127,
        };
        assert_eq!(outside(bytes.clone(), &numbers), [0, 3]);
        // A slice looks at its own rows.
        assert_eq!(outside(bytes, &numbers.slice(1, 2)), [0_usize; 0]);
    }

    #[test]
    fn a_row_is_outside_where_a_member_is() {
        let small = Domain::Between {
            least: 0,
            greatest: 9,
        };
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([
            Some(vec![Some(1), Some(10)]),
            Some(vec![]),
            None,
            Some(vec![None, Some(9)]),
            Some(vec![Some(-1)]),
        ]));
        let items = Domain::Members(vec![(0, small.clone())]);
        assert_eq!(outside(items.clone(), &lists), [0, 4]);
        assert_eq!(outside(items.clone(), &lists.slice(3, 2)), [1]);
        let plain: ArrayRef = Arc::new(Int64Array::from(vec![5, 5, 5, 11, 5]));
        let fields = Fields::from(vec![
            Field::new("l", lists.data_type().clone(), true),
            Field::new("p", DataType::Int64, true),
        ]);
        let structs: ArrayRef = Arc::new(StructArray::new(fields, vec![lists, plain], None));
        let members = Domain::Members(vec![(0, items), (1, small.clone())]);
        assert_eq!(outside(members, &structs), [0, 3, 4]);
        let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
        for value in [3, 30] {
            map.keys().append_value("k");
            map.values().append_value(value);
            map.append(true).unwrap();
        }
        let map: ArrayRef = Arc::new(map.finish());
        assert_eq!(outside(Domain::Members(vec![(1, small)]), &map), [1]);
    }
}
