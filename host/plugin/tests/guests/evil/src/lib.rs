//! Does what a plugin must not do, as its config says. `reads` one column of int64, `writes: [made]`, a utf8 column.

#![allow(unsafe_code, unconditional_recursion)]

use std::cell::Cell;

use tidegate_sdk::bindings::exports::tidegate::plugin::transform as wit;
use tidegate_sdk::bindings::tidegate::plugin::{batches, host, types};

/// The manifest of this guest, as `export_transform!` would write it.
const MANIFEST: &str = concat!(
    "{\"name\":\"guest-evil\",\"version\":\"",
    env!("CARGO_PKG_VERSION"),
    "\",\"roles\":[\"transform\"],\"contract\":\"0.1.0\"}"
);

#[used]
#[cfg(target_arch = "wasm32")]
#[unsafe(link_section = "tidegate:manifest")]
static SECTION: [u8; MANIFEST.len()] = tidegate_sdk::export::section(MANIFEST);

struct Evil;

struct Bound {
    deed: String,
    calls: Cell<u32>,
}

impl wit::Guest for Evil {
    type Transformer = Bound;
}

fn field(name: &str, data_type: types::DataType) -> types::Field {
    types::Field {
        name: name.into(),
        data_type,
        nullable: true,
    }
}

fn text(offsets: &[i32], bytes: &[u8], nulls: u32, validity: &[u8]) -> types::Column {
    let rows = offsets.len().saturating_sub(1) as u32;
    types::Column {
        nodes: vec![types::Node {
            row_count: rows,
            null_count: nulls,
        }],
        buffers: vec![
            validity.to_vec(),
            offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect(),
            bytes.to_vec(),
        ],
    }
}

fn made(column: types::Column) -> wit::Processed {
    outputs(wit::Selection::All, vec![wit::OutputColumn::Made(column)])
}

fn outputs(rows: wit::Selection, columns: Vec<wit::OutputColumn>) -> wit::Processed {
    wit::Processed {
        outputs: vec![wit::Output { rows, columns }],
        rejects: Vec::new(),
        rest: wit::Disposition::Filtered,
    }
}

/// A right column for so many rows.
fn good(rows: u32) -> types::Column {
    let offsets: Vec<i32> = (0..=rows as i32).collect();
    text(&offsets, &vec![b'x'; rows as usize], 0, &[])
}

fn reject(row: u32, code: &str) -> wit::Reject {
    wit::Reject {
        row,
        code: code.into(),
        message: "refused".into(),
    }
}

impl wit::GuestTransformer for Bound {
    fn bind(config: String, _: types::Schema) -> Result<wit::Transformer, types::Fault> {
        // The config is {"deed":"NAME"}; a parser would be more than it needs.
        let deed = config.split('"').nth(3).unwrap_or_default().to_owned();
        match deed.as_str() {
            "bind-trap" => panic!("on purpose"),
            "bind-spin" => spin(),
            "bind-secret" => {
                return Err(types::Fault::InvalidConfig(types::ConfigFault {
                    pointer: "/deed".into(),
                    message: format!("the config is {config}"),
                }));
            }
            _ => {}
        }
        Ok(wit::Transformer::new(Self {
            deed,
            calls: Cell::new(0),
        }))
    }

    fn shape(&self) -> wit::Shape {
        let made = wit::ShapeColumn::Made(wit::MadeColumn {
            field: 0,
            from: vec![0],
        });
        let mut shape = wit::Shape {
            carry: wit::Carry::Rest,
            fields: vec![field("made", types::DataType::Utf8)],
            columns: vec![made],
        };
        match self.deed.as_str() {
            "shape-ungranted" => shape.fields[0].name = "other".into(),
            "shape-loop" => shape.fields[0].data_type = types::DataType::ListOf(0),
            "shape-beyond" => shape.fields[0].data_type = types::DataType::ListOf(7),
            "shape-input" => {
                shape.columns[0] = wit::ShapeColumn::Input(wit::PassedColumn {
                    input: 9,
                    name: "made".into(),
                });
            }
            "shape-twice" => shape.columns.push(shape.columns[0].clone()),
            "decimal" => {
                shape.fields[0].data_type = types::DataType::Decimal128(types::Decimal {
                    precision: 3,
                    scale: 0,
                });
            }
            "not-null" => shape.fields[0].nullable = false,
            _ => {}
        }
        shape
    }

    fn process(&self, input: &batches::Batch) -> Result<wit::Processed, types::Fault> {
        let rows = input.row_count();
        self.calls.set(self.calls.get() + 1);
        let whole = |length: usize| vec![1u8; length];
        Ok(match self.deed.as_str() {
            "trap" => panic!("on purpose"),
            "second-batch-trap" if self.calls.get() > 1 => panic!("on the second batch"),
            "spin" => spin(),
            "sleep" => {
                std::thread::sleep(std::time::Duration::from_secs(3_600));
                made(good(rows))
            }
            "exit" => std::process::exit(0),
            "recurse" => made(text(&[0, recurse(&[1; 64]) as i32], b"", 0, &[])),
            "memory" => {
                let mut held: Vec<Vec<u8>> = Vec::new();
                loop {
                    held.push(whole(1 << 20));
                    std::hint::black_box(&held);
                }
            }
            "huge-output" => made(types::Column {
                nodes: vec![types::Node {
                    row_count: rows,
                    null_count: 0,
                }],
                buffers: vec![Vec::new(), whole(48 << 20)],
            }),
            "log-flood" => {
                for line in 0..100_000 {
                    host::log(host::Level::Info, &format!("line {line}"), &[]);
                }
                made(good(rows))
            }
            "print-flood" => {
                for line in 0..100_000 {
                    println!("line {line}");
                }
                made(good(rows))
            }
            "terminal" => {
                host::log(host::Level::Info, "\u{1b}[2Jgone", &[]);
                made(good(rows))
            }
            "ungranted" => {
                input.column(1);
                made(good(rows))
            }
            "environment" => {
                let seen = std::env::vars().count() + std::env::args().count();
                let files = std::fs::read_dir("/").is_ok() || std::fs::read("/etc/passwd").is_ok();
                if seen > 0 || files {
                    panic!("saw {seen} variables and arguments; files: {files}");
                }
                made(good(rows))
            }
            "short" => made(good(rows - 1)),
            "no-node" => made(types::Column {
                nodes: Vec::new(),
                buffers: Vec::new(),
            }),
            "no-buffers" => made(types::Column {
                nodes: vec![types::Node {
                    row_count: rows,
                    null_count: 0,
                }],
                buffers: Vec::new(),
            }),
            "extra-buffer" => {
                let mut column = good(rows);
                column.buffers.push(whole(1));
                made(column)
            }
            "falling-offsets" => {
                let mut offsets: Vec<i32> = (0..=rows as i32).collect();
                offsets.swap(1, 2);
                made(text(&offsets, &whole(rows as usize), 0, &[]))
            }
            "negative-offsets" => {
                let mut offsets: Vec<i32> = (0..=rows as i32).collect();
                offsets[0] = -1;
                made(text(&offsets, &whole(rows as usize), 0, &[]))
            }
            "long-offsets" => {
                let mut offsets: Vec<i32> = (0..=rows as i32).collect();
                if let Some(last) = offsets.last_mut() {
                    *last = i32::MAX;
                }
                made(text(&offsets, &whole(rows as usize), 0, &[]))
            }
            "utf8" => {
                let mut column = good(rows);
                column.buffers[2][0] = 0xff;
                made(column)
            }
            "split-character" => {
                let offsets: Vec<i32> = (0..=rows as i32).collect();
                let bytes: Vec<u8> = "é".repeat(rows as usize).into_bytes()[..(rows as usize & !1)].to_vec();
                made(text(&offsets, &bytes, 0, &[]))
            }
            "null-count" => made(text(
                &(0..=rows as i32).collect::<Vec<_>>(),
                &whole(rows as usize),
                3,
                &[],
            )),
            "short-bitmap" => made(text(
                &(0..=rows as i32).collect::<Vec<_>>(),
                &whole(rows as usize),
                rows,
                &[0],
            )),
            "not-null" => {
                let validity = vec![0u8; rows.div_ceil(8) as usize];
                made(text(
                    &(0..=rows as i32).collect::<Vec<_>>(),
                    &whole(rows as usize),
                    rows,
                    &validity,
                ))
            }
            "decimal" => made(types::Column {
                nodes: vec![types::Node {
                    row_count: rows,
                    null_count: 0,
                }],
                buffers: vec![
                    Vec::new(),
                    (0..rows).flat_map(|_| 1_000i128.to_le_bytes()).collect(),
                ],
            }),
            "selection-short" => outputs(
                wit::Selection::Keep(Vec::new()),
                vec![wit::OutputColumn::Made(good(rows))],
            ),
            "selection-beyond" => outputs(
                wit::Selection::Take(vec![rows]),
                vec![wit::OutputColumn::Made(good(1))],
            ),
            "made-rows" => outputs(wit::Selection::Made(3), vec![wit::OutputColumn::Made(good(3))]),
            "columns" => outputs(wit::Selection::All, Vec::new()),
            "passed" => outputs(wit::Selection::All, vec![wit::OutputColumn::Input]),
            "reject-beyond" => wit::Processed {
                rejects: vec![reject(rows, "x")],
                ..made(good(rows))
            },
            "reject-kept" => wit::Processed {
                rejects: vec![reject(0, "x")],
                ..made(good(rows))
            },
            "reject-twice" => wit::Processed {
                outputs: Vec::new(),
                rejects: vec![reject(0, "x"), reject(0, "x")],
                rest: wit::Disposition::Filtered,
            },
            "reject-code" => wit::Processed {
                outputs: Vec::new(),
                rejects: vec![reject(0, "NOT A CODE\u{1b}[2J")],
                rest: wit::Disposition::Filtered,
            },
            "fault" => return Err(types::Fault::Fatal("x".repeat(1 << 20))),
            "retryable" => {
                return Err(types::Fault::Retryable(types::Retry {
                    message: "busy".into(),
                    after_ms: Some(5),
                }));
            }
            _ => made(good(rows)),
        })
    }

    fn finish(&self) -> Result<Vec<wit::Output>, types::Fault> {
        match self.deed.as_str() {
            "finish-selects" => Ok(outputs(wit::Selection::All, Vec::new()).outputs),
            "finish-trap" => panic!("at the end"),
            _ => Ok(Vec::new()),
        }
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, types::Fault> {
        match self.deed.as_str() {
            "snapshot-huge" => Ok(Some(vec![0; 20 << 20])),
            _ => Ok(None),
        }
    }

    fn restore(&self, _: Vec<u8>) -> Result<(), types::Fault> {
        Ok(())
    }
}

fn spin() -> ! {
    let mut turns = 0u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

#[inline(never)]
fn recurse(frame: &[u64; 64]) -> u64 {
    let mut next = *frame;
    next[0] = std::hint::black_box(frame[0] + 1);
    recurse(std::hint::black_box(&next)) + next[1]
}

#[cfg(target_arch = "wasm32")]
tidegate_sdk::bindings::export_transform_component!(Evil with_types_in tidegate_sdk::bindings);
