//! What a guest may return, made of any bytes, through the code that takes it: for `fuzz/`, and for the tests below.
//! A refusal must be the guest's fault, what is believed must be true, and nothing panics.

mod returned;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Decimal256Type, Int32Type};
use arrow_array::{Array, ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use tidegate_core::batch::Processed;
use tidegate_core::plan::GrantSpec;

use crate::apply;
use crate::error::Fault;
use crate::limits::{MAX_CODE_BYTES, MAX_MESSAGE_BYTES};
use crate::shape::BoundShape;
use crate::v0_1::{lift, lift_schema, lift_shape};
use returned::{GRANTED, Returned};

/// What one call may return, in bytes: small, so that the limit is met.
const ALLOWED_BYTES: u64 = 64 << 10;

/// What became of what a guest returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was refused.
    Refused,
    /// It went on.
    Believed,
}

/// A transform's shape, and then what it returns of a batch or at the end.
pub fn transform(bytes: &[u8]) -> Outcome {
    let mut guest = Returned::new(bytes);
    let input = stream(guest.below(80));
    let shape = match bound(&mut guest, &input.schema()) {
        Ok(shape) => shape,
        Err(fault) => return refused(&fault),
    };
    let done = guest.processed(&shape.guest, input.num_rows());
    let (rows, result) = if guest.once_in(8) {
        (0, apply::finished(&shape, done.outputs))
    } else {
        let allowed = ALLOWED_BYTES;
        let done = apply::processed(&shape, &input, done, allowed, std::convert::identity);
        (input.num_rows() as u64, done)
    };
    match result {
        Ok(done) => believed(&done, &shape.schema, rows),
        Err(fault) => refused(&fault),
    }
}

/// A source's schema, and a chunk of it.
pub fn source(bytes: &[u8]) -> Outcome {
    let mut guest = Returned::new(bytes);
    let Ok(schema) = lift_schema(&guest.schema()) else {
        return Outcome::Refused;
    };
    let rows = guest.below(80);
    for field in schema.fields() {
        let column = guest.column(field, rows);
        match lift(field, column, rows) {
            Ok(array) => is_true(field, &array, rows),
            Err(_) => return Outcome::Refused,
        }
    }
    Outcome::Believed
}

/// So many rows of a stream; the first columns are granted.
fn stream(rows: usize) -> RecordBatch {
    let n: Int64Array = (0..rows as i64).map(|n| (n % 3 > 0).then_some(n)).collect();
    let text: StringArray = (0..rows).map(|n| Some("é".repeat(n % 5))).collect();
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(
        (0..rows as i32).map(|n| (n % 4 > 0).then(|| vec![Some(n); n as usize % 3])),
    );
    let columns: [(&str, ArrayRef); 3] = [
        ("n", Arc::new(n)),
        ("text", Arc::new(text)),
        ("list", Arc::new(list)),
    ];
    let columns = columns.map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}

fn bound(guest: &mut Returned<'_>, stream: &Schema) -> Result<BoundShape, Fault> {
    let shape = lift_shape(&guest.shape(), GRANTED).map_err(Fault::Contract)?;
    let grant = GrantSpec {
        reads: Vec::new(),
        writes: returned::writes(),
        memory_bytes: 0,
        time_per_batch_ms: 0,
        output_bytes: ALLOWED_BYTES,
        http: Vec::new(),
    };
    BoundShape::new(shape, stream, (0..GRANTED).collect(), &grant, &[])
}

fn refused(fault: &Fault) -> Outcome {
    let of_the_guest = matches!(
        fault,
        Fault::Contract(_) | Fault::Ungranted(_) | Fault::Output { .. }
    );
    assert!(of_the_guest, "{fault:?}");
    Outcome::Refused
}

fn believed(done: &Processed, schema: &Schema, rows: u64) -> Outcome {
    assert!(
        done.counts.adds_up() && done.counts.rows_in == rows,
        "{:?}",
        done.counts
    );
    let out: usize = done.outputs.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(out as u64, done.counts.rows_out());
    for batch in &done.outputs {
        assert_eq!(*batch.schema(), *schema);
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            is_true(field, array, batch.num_rows());
        }
    }
    let refused = done.rejects.as_ref().map_or(0, |rejects| rejects.rows.num_rows());
    assert_eq!(refused as u64, done.counts.rejected);
    if let Some(rejects) = &done.rejects {
        assert_eq!((rejects.codes.len(), rejects.messages.len()), (refused, refused));
        for (code, message) in rejects
            .codes
            .iter()
            .flatten()
            .zip(rejects.messages.iter().flatten())
        {
            assert!((1..=MAX_CODE_BYTES).contains(&code.len()), "{code:?}");
            assert!(message.len() <= MAX_MESSAGE_BYTES + '…'.len_utf8(), "{message:?}");
            assert!(!message.chars().any(char::is_control), "{message:?}");
        }
    }
    Outcome::Believed
}

fn is_true(field: &Field, array: &ArrayRef, rows: usize) {
    assert_eq!((array.len(), array.data_type()), (rows, field.data_type()));
    assert!(field.is_nullable() || array.null_count() == 0, "{field}");
    if let Err(error) = array.to_data().validate_full() {
        panic!("{field}: {error}");
    }
    // Of these it looks at the bytes alone.
    let numbers = match array.data_type() {
        DataType::Decimal128(precision, _) => array
            .as_primitive::<Decimal128Type>()
            .validate_decimal_precision(*precision),
        DataType::Decimal256(precision, _) => array
            .as_primitive::<Decimal256Type>()
            .validate_decimal_precision(*precision),
        _ => Ok(()),
    };
    assert!(numbers.is_ok(), "{field}: {numbers:?}");
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::{Outcome, source, transform};

    /// Puts so many random inputs through; answers how many were believed.
    fn believed(seed: u64, inputs: usize, through: fn(&[u8]) -> Outcome) -> usize {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bytes = [0; 512];
        (0..inputs)
            .filter(|_| {
                let length = random.random_range(0..bytes.len());
                random.fill(&mut bytes[..length]);
                through(&bytes[..length]) == Outcome::Believed
            })
            .count()
    }

    #[test]
    fn what_a_transform_returns_is_refused_or_true() {
        let believed = believed(1, 20_000, transform);
        assert!((2_000..18_000).contains(&believed), "{believed} of 20000");
    }

    #[test]
    fn what_a_source_returns_is_refused_or_true() {
        let believed = believed(2, 20_000, source);
        assert!((2_000..18_000).contains(&believed), "{believed} of 20000");
    }
}
