//! `types.wit` by hand, since a column's buffers are [`Bytes`]: they cross with one copy each way, and become Arrow
//! buffers without another. What each item means stands in `wit/since-v0.1/types.wit`.
#![allow(missing_docs)]

use bytes::Bytes;
use wasmtime::component::{ComponentType, Lift, Lower};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum TimeUnit {
    #[component(name = "second")]
    Second,
    #[component(name = "millisecond")]
    Millisecond,
    #[component(name = "microsecond")]
    Microsecond,
    #[component(name = "nanosecond")]
    Nanosecond,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Decimal {
    pub precision: u8,
    pub scale: i8,
}

#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Timestamp {
    pub unit: TimeUnit,
    pub timezone: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(variant)]
pub enum DataType {
    #[component(name = "boolean")]
    Boolean,
    #[component(name = "int8")]
    Int8,
    #[component(name = "int16")]
    Int16,
    #[component(name = "int32")]
    Int32,
    #[component(name = "int64")]
    Int64,
    #[component(name = "uint8")]
    Uint8,
    #[component(name = "uint16")]
    Uint16,
    #[component(name = "uint32")]
    Uint32,
    #[component(name = "uint64")]
    Uint64,
    #[component(name = "float32")]
    Float32,
    #[component(name = "float64")]
    Float64,
    #[component(name = "decimal128")]
    Decimal128(Decimal),
    #[component(name = "decimal256")]
    Decimal256(Decimal),
    #[component(name = "utf8")]
    Utf8,
    #[component(name = "binary")]
    Binary,
    #[component(name = "fixed-binary")]
    FixedBinary(u32),
    #[component(name = "date32")]
    Date32,
    #[component(name = "time64")]
    Time64(TimeUnit),
    #[component(name = "timestamp")]
    Timestamp(Timestamp),
    #[component(name = "duration")]
    Duration(TimeUnit),
    #[component(name = "list-of")]
    ListOf(u32),
    #[component(name = "struct-of")]
    StructOf(Vec<u32>),
    #[component(name = "map-of")]
    MapOf((u32, u32)),
}

#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Field {
    pub name: String,
    #[component(name = "data-type")]
    pub data_type: DataType,
    pub nullable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Schema {
    pub fields: Vec<Field>,
    pub columns: Vec<u32>,
}

/// One array of a column: its length and how many of its values are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Node {
    #[component(name = "row-count")]
    pub row_count: u32,
    #[component(name = "null-count")]
    pub null_count: u32,
}

/// A column in Arrow's layout, without the framing of Arrow IPC: nodes depth first, buffers in the nodes' order.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Column {
    pub nodes: Vec<Node>,
    pub buffers: Vec<Bytes>,
}

#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(variant)]
pub enum Fault {
    #[component(name = "invalid-config")]
    InvalidConfig(ConfigFault),
    #[component(name = "invalid-schema")]
    InvalidSchema(String),
    #[component(name = "invalid-data")]
    InvalidData(String),
    #[component(name = "retryable")]
    Retryable(Retry),
    #[component(name = "fatal")]
    Fatal(String),
}

#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct ConfigFault {
    pub pointer: String,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Retry {
    pub message: String,
    #[component(name = "after-ms")]
    pub after_ms: Option<u64>,
}

/// What `bindgen!` asks of a module that stands in for a generated one. `types` has no functions, so nothing is asked.
pub trait HostWithStore<T>: wasmtime::component::HasData {}

impl<T, D: wasmtime::component::HasData + ?Sized> HostWithStore<T> for D {}

pub trait Host {}

impl<S: ?Sized> Host for S {}

/// Makes the instance that components import their types from.
pub fn add_to_linker<T, D>(
    linker: &mut wasmtime::component::Linker<T>,
    _host: fn(&mut T) -> D::Data<'_>,
) -> wasmtime::Result<()>
where
    D: HostWithStore<T>,
    T: 'static,
{
    linker.instance("tidegate:plugin/types@0.1.0").map(drop)
}
