//! What a field of a row may be.

use arrow_array::builder::{BinaryBuilder, BooleanBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, PrimitiveArray, StringArray};
use arrow_schema::DataType;

use std::sync::Arc;

/// A type that a field of a row may have.
pub trait Value: 'static {
    /// The value, borrowing from a batch.
    type Of<'row>;
    /// A column of them.
    #[doc(hidden)]
    type Array;
    #[doc(hidden)]
    type Builder;
    /// Whether a value may be missing.
    const NULLABLE: bool = false;

    /// The type of the columns that are written.
    fn data_type() -> DataType;
    /// Whether columns of this type can be read.
    fn fits(data_type: &DataType) -> bool {
        *data_type == Self::data_type()
    }
    /// The column as its type; none where it is of another.
    #[doc(hidden)]
    fn array(array: ArrayRef) -> Option<Self::Array>;
    /// The value of a row; none where it is missing.
    #[doc(hidden)]
    fn read(array: &Self::Array, row: usize) -> Option<Self::Of<'_>>;
    #[doc(hidden)]
    fn builder(rows: usize) -> Self::Builder;
    #[doc(hidden)]
    fn write(builder: &mut Self::Builder, value: Self::Of<'_>);
    #[doc(hidden)]
    fn write_missing(builder: &mut Self::Builder);
    #[doc(hidden)]
    fn finish(builder: &mut Self::Builder) -> ArrayRef;
}

impl<V: Value> Value for Option<V> {
    type Of<'row> = Option<V::Of<'row>>;
    type Array = V::Array;
    type Builder = V::Builder;

    const NULLABLE: bool = true;

    fn data_type() -> DataType {
        V::data_type()
    }

    fn fits(data_type: &DataType) -> bool {
        V::fits(data_type)
    }

    fn array(array: ArrayRef) -> Option<V::Array> {
        V::array(array)
    }

    fn read(array: &V::Array, row: usize) -> Option<Self::Of<'_>> {
        Some(V::read(array, row))
    }

    fn builder(rows: usize) -> V::Builder {
        V::builder(rows)
    }

    fn write(builder: &mut V::Builder, value: Option<V::Of<'_>>) {
        match value {
            Some(value) => V::write(builder, value),
            None => V::write_missing(builder),
        }
    }

    fn write_missing(builder: &mut V::Builder) {
        V::write_missing(builder);
    }

    fn finish(builder: &mut V::Builder) -> ArrayRef {
        V::finish(builder)
    }
}

/// A type whose array and builder come from arrow-rs: the type held, the type given, how its array is found, and how a
/// value of the array becomes one of the type.
macro_rules! value {
    ($held:ty, $given:ty, $data_type:expr, $array:ty, $cast:expr, $builder:ty, $new:expr, $own:expr) => {
        impl Value for $held {
            type Of<'row> = $given;
            type Array = $array;
            type Builder = $builder;

            fn data_type() -> DataType {
                $data_type
            }

            fn array(array: ArrayRef) -> Option<$array> {
                $cast(&array).cloned()
            }

            fn read(array: &$array, row: usize) -> Option<Self::Of<'_>> {
                array.is_valid(row).then(|| $own(array.value(row)))
            }

            fn builder(rows: usize) -> $builder {
                $new(rows)
            }

            fn write(builder: &mut $builder, value: Self::Of<'_>) {
                builder.append_value(value);
            }

            fn write_missing(builder: &mut $builder) {
                builder.append_null();
            }

            fn finish(builder: &mut $builder) -> ArrayRef {
                Arc::new(builder.finish())
            }
        }
    };
}

/// Numbers.
macro_rules! number {
    ($($native:ty: $type:ty),*) => {
        $(value!(
            $native,
            $native,
            <$type as arrow_array::types::ArrowPrimitiveType>::DATA_TYPE,
            PrimitiveArray<$type>,
            AsArray::as_primitive_opt::<$type>,
            PrimitiveBuilder<$type>,
            PrimitiveBuilder::<$type>::with_capacity,
            std::convert::identity
        );)*
    };
}

number!(
    i8: Int8Type, i16: Int16Type, i32: Int32Type, i64: Int64Type, u8: UInt8Type, u16: UInt16Type, u32: UInt32Type,
    u64: UInt64Type, f32: Float32Type, f64: Float64Type
);

/// Bytes of text for each value that room is made for at first.
const TEXT_BYTES: usize = 16;

fn strings(rows: usize) -> StringBuilder {
    StringBuilder::with_capacity(rows, rows * TEXT_BYTES)
}

fn binaries(rows: usize) -> BinaryBuilder {
    BinaryBuilder::with_capacity(rows, rows * TEXT_BYTES)
}

value!(
    bool,
    bool,
    DataType::Boolean,
    BooleanArray,
    AsArray::as_boolean_opt,
    BooleanBuilder,
    BooleanBuilder::with_capacity,
    std::convert::identity
);
value!(
    &'static str,
    &'row str,
    DataType::Utf8,
    StringArray,
    AsArray::as_string_opt::<i32>,
    StringBuilder,
    strings,
    std::convert::identity
);
value!(
    String,
    String,
    DataType::Utf8,
    StringArray,
    AsArray::as_string_opt::<i32>,
    StringBuilder,
    strings,
    str::to_owned
);
value!(
    &'static [u8],
    &'row [u8],
    DataType::Binary,
    BinaryArray,
    AsArray::as_binary_opt::<i32>,
    BinaryBuilder,
    binaries,
    std::convert::identity
);
value!(
    Vec<u8>,
    Vec<u8>,
    DataType::Binary,
    BinaryArray,
    AsArray::as_binary_opt::<i32>,
    BinaryBuilder,
    binaries,
    <[u8]>::to_vec
);
