//! Any bytes as what a guest returns: right in most places, so that much of it is believed, and wrong in some. Where the
//! bytes end, everything is right.

use arrow_schema::{DataType, Field};
use bytes::Bytes;

use crate::shape::{GuestColumn, GuestShape};
use crate::v0_1::transform as wit;
use crate::v0_1::types::{self, Column, Node};

/// Columns of the stream that are granted.
pub(super) const GRANTED: usize = 2;

/// Fields of one shape or schema at most.
const MAX_FIELDS: usize = 8;

/// Numbers that lengths, offsets and counts like to be wrong by.
const ODD: [u32; 10] = [0, 1, 7, 8, 9, 255, 1 << 16, i32::MAX as u32, 1 << 31, u32::MAX];

/// The names that a shape may write: those of its fields, and those that it passes columns on under.
pub(super) fn writes() -> Vec<String> {
    let fields = (0..MAX_FIELDS).map(|index| format!("f{index}"));
    fields
        .chain((0..GRANTED).map(|index| format!("p{index}")))
        .collect()
}

pub(super) struct Returned<'a> {
    left: &'a [u8],
}

impl<'a> Returned<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    fn byte(&mut self) -> u8 {
        match self.left.split_first() {
            Some((byte, left)) => {
                self.left = left;
                *byte
            }
            None => 0,
        }
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    /// A right number, and once in a while another.
    fn rather(&mut self, right: usize) -> u32 {
        if self.once_in(64) {
            self.odd()
        } else {
            right as u32
        }
    }

    fn odd(&mut self) -> u32 {
        match self.below(ODD.len() + 1) {
            index if index < ODD.len() => ODD[index],
            _ => self.word(),
        }
    }

    /// Bytes of no meaning.
    fn noise(&mut self, length: usize) -> Vec<u8> {
        let mut state = self.word() | 1;
        (0..length)
            .map(|_| {
                // Xorshift (Marsaglia, 2003).
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state as u8
            })
            .collect()
    }

    fn name(&mut self, right: String) -> String {
        if !self.once_in(64) {
            return right;
        }
        let wrong = [String::new(), "f0".into(), "\u{1b}[2J".into(), "x".repeat(300)];
        wrong[self.below(4)].clone()
    }

    fn fields(&mut self) -> Vec<types::Field> {
        let count = 1 + self.below(MAX_FIELDS);
        (0..count)
            .map(|index| types::Field {
                name: self.name(format!("f{index}")),
                data_type: self.data_type(index, count),
                nullable: !self.once_in(4),
            })
            .collect()
    }

    fn data_type(&mut self, index: usize, fields: usize) -> types::DataType {
        use types::DataType as Wit;
        let unit = [
            types::TimeUnit::Second,
            types::TimeUnit::Millisecond,
            types::TimeUnit::Microsecond,
            types::TimeUnit::Nanosecond,
        ][self.below(4)];
        let decimal = types::Decimal {
            precision: self.rather(1 + index * 5) as u8,
            scale: self.rather(index) as i8,
        };
        let zone = [None, Some("UTC"), Some("Europe/London"), Some("Mars")][self.below(4)];
        let flat = [
            Wit::Boolean,
            Wit::Int8,
            Wit::Int16,
            Wit::Int32,
            Wit::Int64,
            Wit::Uint8,
            Wit::Uint16,
            Wit::Uint32,
            Wit::Uint64,
            Wit::Float32,
            Wit::Float64,
            Wit::Decimal128(decimal),
            Wit::Decimal256(decimal),
            Wit::Utf8,
            Wit::Binary,
            Wit::FixedBinary(self.rather(1 + index)),
            Wit::Date32,
            Wit::Time64(unit),
            Wit::Timestamp(types::Timestamp {
                unit,
                timezone: zone.map(str::to_owned),
            }),
            Wit::Duration(unit),
        ];
        // Members stand behind their holder; the last field can hold none.
        let behind = fields - index - 1;
        let member = |guest: &mut Self| guest.rather(index + 1 + guest.left.len() % behind.max(1));
        match self.below(flat.len() + 9) {
            choice if choice < flat.len() => flat[choice].clone(),
            _ if behind == 0 => Wit::Utf8,
            choice => match choice % 3 {
                0 => Wit::ListOf(member(self)),
                1 => Wit::StructOf((0..=self.below(2)).map(|_| member(self)).collect()),
                _ => Wit::MapOf((member(self), member(self))),
            },
        }
    }

    pub(super) fn schema(&mut self) -> types::Schema {
        let fields = self.fields();
        let columns = (0..self.below(4))
            .map(|index| self.rather(index % fields.len()))
            .collect();
        types::Schema { fields, columns }
    }

    pub(super) fn shape(&mut self) -> wit::Shape {
        let fields = self.fields();
        let columns = (0..self.below(4))
            .map(|index| {
                if self.once_in(3) {
                    wit::ShapeColumn::Input(wit::PassedColumn {
                        input: self.rather(index % GRANTED),
                        name: self.name(format!("p{}", index % GRANTED)),
                    })
                } else {
                    wit::ShapeColumn::Made(wit::MadeColumn {
                        field: self.rather(index % fields.len()),
                        from: (0..self.below(3))
                            .map(|index| self.rather(index % GRANTED))
                            .collect(),
                    })
                }
            })
            .collect();
        let carry = if self.once_in(3) {
            wit::Carry::Nothing
        } else {
            wit::Carry::Rest
        };
        wit::Shape {
            carry,
            fields,
            columns,
        }
    }

    pub(super) fn processed(&mut self, shape: &GuestShape, rows: usize) -> wit::Processed {
        let outputs = (0..self.below(4)).map(|_| self.output(shape, rows)).collect();
        let rejects = (0..self.below(3))
            .map(|index| wit::Reject {
                row: self.rather(index),
                code: self.name("not.good-1_x".into()),
                message: "é\n".repeat(self.below(3) * 400),
            })
            .collect();
        let rest = if self.once_in(2) {
            wit::Disposition::Absorbed
        } else {
            wit::Disposition::Filtered
        };
        wit::Processed {
            outputs,
            rejects,
            rest,
        }
    }

    fn output(&mut self, shape: &GuestShape, rows: usize) -> wit::Output {
        let (selection, made) = match self.below(8) {
            0 | 1 => (wit::Selection::All, rows),
            2..=4 => {
                let length = self.rather(rows.div_ceil(8)).min(1 << 10);
                let mut bits = self.noise(length as usize);
                // The first rows may be refused.
                if let Some(first) = bits.first_mut() {
                    *first &= !3;
                }
                (wit::Selection::Keep(bits), rows)
            }
            5 | 6 if rows > 0 => {
                let indices: Vec<u32> = (0..self.below(90))
                    .map(|index| {
                        let row = (index * 7 + 2) % rows;
                        self.rather(row)
                    })
                    .collect();
                let made = indices.len();
                (wit::Selection::Take(indices), made)
            }
            _ => {
                let made = self.below(80);
                (wit::Selection::Made(self.rather(made)), made)
            }
        };
        let mut columns: Vec<wit::OutputColumn> = shape
            .columns
            .iter()
            .map(|column| match column {
                GuestColumn::Made { field, .. } if !self.once_in(64) => {
                    wit::OutputColumn::Made(self.column(field, made))
                }
                _ => wit::OutputColumn::Input,
            })
            .collect();
        if self.once_in(64) {
            columns.pop();
        }
        wit::Output {
            rows: selection,
            columns,
        }
    }

    /// A column of a field with so many rows, with up to two things wrong with it.
    pub(super) fn column(&mut self, field: &Field, rows: usize) -> Column {
        let mut column = Column {
            nodes: Vec::new(),
            buffers: Vec::new(),
        };
        self.array(field, rows, &mut column);
        for _ in 0..self.below(6).saturating_sub(3) {
            self.spoil(&mut column);
        }
        column
    }

    fn array(&mut self, field: &Field, rows: usize, column: &mut Column) {
        self.validity(field, rows, column);
        let buffers = &mut column.buffers;
        match field.data_type() {
            DataType::Boolean => buffers.push(self.noise(rows.div_ceil(8)).into()),
            DataType::Utf8 => {
                let texts: Vec<&str> = (0..rows).map(|_| ["", "a", "é", "語🦀"][self.below(4)]).collect();
                buffers.push(offsets(texts.iter().map(|text| text.len())).0);
                buffers.push(texts.concat().into_bytes().into());
            }
            DataType::Binary => {
                let (offsets, end) = self.lengths(rows);
                buffers.extend([offsets, self.noise(end).into()]);
            }
            DataType::FixedSizeBinary(width) => buffers.push(self.noise(rows * *width as usize).into()),
            DataType::Decimal128(..) => buffers.push(self.small_numbers::<16>(rows)),
            DataType::Decimal256(..) => buffers.push(self.small_numbers::<32>(rows)),
            DataType::Time64(_) => buffers.push(self.small_numbers::<8>(rows)),
            DataType::List(item) => {
                let (offsets, end) = self.lengths(rows);
                buffers.push(offsets);
                self.array(item, end, column);
            }
            DataType::Map(entries, _) => {
                let (offsets, end) = self.lengths(rows);
                buffers.push(offsets);
                self.array(entries, end, column);
            }
            DataType::Struct(members) => {
                for member in members {
                    self.array(member, rows, column);
                }
            }
            fixed => {
                let width = fixed.primitive_width().unwrap_or_default();
                buffers.push(self.noise(rows * width).into());
            }
        }
    }

    /// The node of an array and its validity bits.
    fn validity(&mut self, field: &Field, rows: usize, column: &mut Column) {
        let missing = (field.is_nullable() && !self.once_in(3)) || self.once_in(64);
        let bits = if missing {
            self.noise(rows.div_ceil(8))
        } else {
            Vec::new()
        };
        let is_set = |row: &usize| bits.get(row / 8).is_none_or(|byte| byte >> (row % 8) & 1 == 1);
        let present = (0..rows).filter(is_set).count();
        column.nodes.push(Node {
            row_count: rows as u32,
            null_count: (rows - present) as u32,
        });
        column.buffers.push(bits.into());
    }

    fn lengths(&mut self, rows: usize) -> (Bytes, usize) {
        let lengths: Vec<usize> = (0..rows).map(|_| self.below(3)).collect();
        offsets(lengths.into_iter())
    }

    /// Little-endian numbers below 8, which all decimals have room for, and one once in a while that few have.
    fn small_numbers<const WIDTH: usize>(&mut self, rows: usize) -> Bytes {
        let mut bytes = vec![0; rows * WIDTH];
        for number in bytes.chunks_exact_mut(WIDTH) {
            number[0] = self.byte() & 7;
            if self.once_in(256) {
                number[WIDTH - 1] = self.byte();
            }
        }
        bytes.into()
    }

    /// Gets one thing wrong.
    fn spoil(&mut self, column: &mut Column) {
        let (nodes, buffers) = (column.nodes.len(), column.buffers.len());
        if nodes == 0 || buffers == 0 {
            return;
        }
        let (node, buffer) = (self.below(nodes), self.below(buffers));
        let mut bytes = column.buffers[buffer].to_vec();
        match self.below(10) {
            0 => column.nodes[node].row_count = self.odd(),
            1 => column.nodes[node].null_count = self.odd(),
            2 => drop(column.nodes.remove(node)),
            3 => column.nodes.push(column.nodes[node]),
            4 => drop(column.buffers.remove(buffer)),
            5 => {
                let other = self.below(buffers);
                column.buffers.swap(buffer, other);
            }
            6 => {
                let length = self.below(bytes.len().min(200) + 9);
                bytes.resize(length, self.byte());
                column.buffers[buffer] = bytes.into();
            }
            // An offset, where this is a buffer of some: by one, or by anything.
            choice @ 7..=8 if bytes.len() >= 4 => {
                let at = self.word() as usize % (bytes.len() / 4) * 4;
                let number = if choice == 7 {
                    self.odd()
                } else {
                    u32::from(bytes[at]) ^ 1
                };
                bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
                column.buffers[buffer] = bytes.into();
            }
            _ if !bytes.is_empty() => {
                let at = self.word() as usize % bytes.len();
                bytes[at] ^= 1 << self.below(8);
                column.buffers[buffer] = bytes.into();
            }
            _ => column.buffers.push(Bytes::new()),
        }
    }
}

/// Offsets of values of these lengths, and where they end.
fn offsets(lengths: impl Iterator<Item = usize>) -> (Bytes, usize) {
    let mut end = 0;
    let mut bytes = 0i32.to_le_bytes().to_vec();
    for length in lengths {
        end += length;
        bytes.extend_from_slice(&(end as i32).to_le_bytes());
    }
    (bytes.into(), end)
}
