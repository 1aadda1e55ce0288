//! Does what a plugin must not do, as its config says. `reads` one column of int64, `writes: [made]`, a utf8 column.

#![allow(unsafe_code, unconditional_recursion)]

#[cfg(target_arch = "wasm32")]
mod wasi;

use std::cell::Cell;

use tidegate_sdk::bindings::configuration::exports::tidegate::plugin::configuration;
use tidegate_sdk::bindings::transform::exports::tidegate::plugin::transform as wit;
use tidegate_sdk::bindings::{batches, host, types};

/// The manifest of this guest, as `export_transform!` would write it.
const MANIFEST: &str = concat!(
    "{\"name\":\"guest-evil\",\"version\":\"",
    env!("CARGO_PKG_VERSION"),
    "\",\"roles\":[\"transform\"],\"contract\":\"0.1.0\"}"
);

#[used]
#[cfg(target_arch = "wasm32")]
#[unsafe(link_section = "tidegate:manifest")]
static SECTION: [u8; MANIFEST.len()] = tidegate_sdk::export::manifest::section(MANIFEST);

struct Evil;

struct Bound {
    deed: String,
    config: String,
    calls: Cell<u32>,
}

impl configuration::Guest for Evil {
    fn schema() -> String {
        "{\"type\": \"object\"}".into()
    }
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
            "bind-schema" => return Err(types::Fault::InvalidSchema("not these".into())),
            "bind-pointer" => {
                return Err(types::Fault::InvalidConfig(types::ConfigFault {
                    pointer: "no pointer\u{1b}[2J".into(),
                    message: "wrong".into(),
                }));
            }
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
            config,
            calls: Cell::new(0),
        }))
    }

    #[allow(clippy::too_many_lines, reason = "an arm a deed")]
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
            "shape-trap" => panic!("in the shape"),
            "shape-secret" => shape.fields[0].name.clone_from(&self.config),
            "shape-terminal" => shape.fields[0].name = "\u{1b}[2J".repeat(10_000),
            "shape-from" => {
                shape.columns[0] = wit::ShapeColumn::Made(wit::MadeColumn {
                    field: 0,
                    from: vec![9],
                });
            }
            "shape-field" => {
                shape.columns[0] = wit::ShapeColumn::Made(wit::MadeColumn {
                    field: 9,
                    from: Vec::new(),
                });
            }
            "shape-bomb" => {
                // Each level has the next one twice: 2^30 fields when written out.
                shape.fields[0].data_type = types::DataType::StructOf(vec![1, 2]);
                for level in 0..30u32 {
                    let next = vec![2 * level + 3, 2 * level + 4];
                    for name in ["a", "b"] {
                        shape
                            .fields
                            .push(field(name, types::DataType::StructOf(next.clone())));
                    }
                }
                shape.fields.push(field("a", types::DataType::Utf8));
                shape.fields.push(field("b", types::DataType::Utf8));
            }
            "shape-deep" => {
                shape.fields = (1..200)
                    .map(|next| field("made", types::DataType::ListOf(next)))
                    .collect();
                shape.fields.push(field("made", types::DataType::Utf8));
            }
            "shape-many" => {
                shape.columns = vec![shape.columns[0].clone(); 20_000];
            }
            "shape-hollow" => shape.fields[0].data_type = types::DataType::StructOf(Vec::new()),
            "shape-member" => {
                shape.fields[0].data_type = types::DataType::ListOf(1);
                shape.fields.push(field("\u{1b}[2J", types::DataType::Utf8));
            }
            "shape-members" => {
                shape.fields[0].data_type = types::DataType::StructOf(vec![1, 2]);
                shape.fields.push(field("x", types::DataType::Utf8));
                shape.fields.push(field("x", types::DataType::Utf8));
            }
            "shape-zone" => {
                shape.fields[0].data_type = types::DataType::Timestamp(types::Timestamp {
                    unit: types::TimeUnit::Second,
                    timezone: Some("Mars/\u{1b}[2JBase".into()),
                });
            }
            "shape-decimal" => {
                shape.fields[0].data_type = types::DataType::Decimal128(types::Decimal {
                    precision: 39,
                    scale: 0,
                });
            }
            "shape-scale" => {
                shape.fields[0].data_type = types::DataType::Decimal256(types::Decimal {
                    precision: 5,
                    scale: -1,
                });
            }
            "shape-time" => shape.fields[0].data_type = types::DataType::Time64(types::TimeUnit::Second),
            "shape-fixed" => shape.fields[0].data_type = types::DataType::FixedBinary(0),
            "shape-nothing" => {
                shape.carry = wit::Carry::Nothing;
                shape.columns.clear();
            }
            "repeat" | "outputs" => shape.columns.clear(),
            "finish-passes" => {
                shape.carry = wit::Carry::Nothing;
                shape.columns[0] = wit::ShapeColumn::Input(wit::PassedColumn {
                    input: 0,
                    name: "made".into(),
                });
            }
            _ => {}
        }
        shape
    }

    #[allow(clippy::too_many_lines, reason = "an arm a deed")]
    fn process(&self, input: &batches::Batch) -> Result<wit::Processed, types::Fault> {
        let rows = input.row_count();
        self.calls.set(self.calls.get() + 1);
        let whole = |length: usize| vec![1u8; length];
        #[cfg(target_arch = "wasm32")]
        wasi::does(&self.deed);
        Ok(match self.deed.as_str() {
            "trap" => panic!("on purpose"),
            "second-batch-trap" if self.calls.get() > 1 => panic!("on the second batch"),
            "spin" => spin(),
            "sleep" => {
                std::thread::sleep(std::time::Duration::from_hours(1));
                made(good(rows))
            }
            "exit" => std::process::exit(0),
            "recurse" => made(text(&[0, recurse(&[1; 64]) as i32], b"", 0, &[])),
            "recurse-lean" => made(text(&[0, recurse_lean(1) as i32], b"", 0, &[])),
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
            // A thousand lists that are one and the same megabyte.
            "alias-output" => {
                let region = whole(1 << 20).leak();
                let mut alias =
                    || unsafe { Vec::from_raw_parts(region.as_mut_ptr(), region.len(), region.len()) };
                made(types::Column {
                    nodes: Vec::new(),
                    buffers: (0..1_000).map(|_| alias()).collect(),
                })
            }
            "many-columns" => {
                let column = || {
                    wit::OutputColumn::Made(types::Column {
                        nodes: Vec::new(),
                        buffers: Vec::new(),
                    })
                };
                outputs(wit::Selection::All, (0..100_000).map(|_| column()).collect())
            }
            "take-bomb" => outputs(
                wit::Selection::Take(vec![0; 1 << 20]),
                vec![wit::OutputColumn::Made(good(1 << 20))],
            ),
            "repeat" => {
                let all = || wit::Output {
                    rows: wit::Selection::All,
                    columns: Vec::new(),
                };
                wit::Processed {
                    outputs: (0..5_000).map(|_| all()).collect(),
                    rejects: Vec::new(),
                    rest: wit::Disposition::Filtered,
                }
            }
            "outputs" => {
                let none = || wit::Output {
                    rows: wit::Selection::Take(Vec::new()),
                    columns: Vec::new(),
                };
                wit::Processed {
                    outputs: (0..50_000).map(|_| none()).collect(),
                    rejects: Vec::new(),
                    rest: wit::Disposition::Filtered,
                }
            }
            "handles" => loop {
                std::mem::forget(wit::Transformer::new(Self {
                    deed: String::new(),
                    config: String::new(),
                    calls: Cell::new(0),
                }));
            },
            // All that it can get, held for as long as it can.
            "hoard" => {
                let mut held: Vec<Vec<u8>> = Vec::new();
                loop {
                    let mut more = Vec::new();
                    if more.try_reserve_exact(1 << 20).is_err() {
                        break;
                    }
                    more.resize(1 << 20, 1);
                    held.push(more);
                }
                std::hint::black_box(&held);
                spin()
            }
            "first-batch-grows" => {
                assert!(self.calls.get() == 1, "on the second batch");
                let refused = Vec::<u8>::new().try_reserve_exact(1 << 30).is_err();
                assert!(refused, "a gigabyte was given");
                made(good(rows))
            }
            "naps" => {
                for _ in 0..100 {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                    std::hint::black_box((0..1_000u64).sum::<u64>());
                }
                made(good(rows))
            }
            "log-long" => {
                host::log(
                    host::Level::Warn,
                    &"é".repeat(1 << 20),
                    &[("k".repeat(1 << 20), "v".into())],
                );
                made(good(rows))
            }
            "log-huge" => {
                host::log(host::Level::Warn, &"x".repeat(40 << 20), &[]);
                made(good(rows))
            }
            "log-fields" => {
                let fields: Vec<(String, String)> = (0..1_000).map(|n| (n.to_string(), "v".into())).collect();
                host::log(host::Level::Info, "many", &fields);
                made(good(rows))
            }
            "log-secret" => {
                host::log(
                    host::Level::Info,
                    &self.config,
                    &[("config".into(), self.config.clone())],
                );
                host::progress(&self.config);
                made(good(rows))
            }
            "print-secret" => {
                println!("{}", self.config);
                eprintln!("{:?}", self.config);
                made(good(rows))
            }
            "print-long" => {
                print!("{}", "y".repeat(1 << 20));
                made(good(rows))
            }
            "trap-secret" => panic!("with {}", self.config),
            "fault-secret" => return Err(types::Fault::Fatal(self.config.clone())),
            "fault-data" => return Err(types::Fault::InvalidData("not such rows".into())),
            "reject-secret" => wit::Processed {
                outputs: Vec::new(),
                rejects: vec![wit::Reject {
                    row: 0,
                    code: "secret".into(),
                    message: format!("{}\u{1b}[2J{}", self.config, "m".repeat(1 << 16)),
                }],
                rest: wit::Disposition::Filtered,
            },
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
                assert!(
                    seen == 0 && !files,
                    "saw {seen} variables and arguments; files: {files}"
                );
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
            "fault-huge" => return Err(types::Fault::InvalidData("x".repeat(20 << 20))),
            // The same row, over and over.
            "reject-flood" => wit::Processed {
                outputs: Vec::new(),
                rejects: vec![reject(0, "x"); 200_000],
                rest: wit::Disposition::Filtered,
            },
            "reject-each" => wit::Processed {
                outputs: Vec::new(),
                rejects: (0..rows)
                    .map(|row| wit::Reject {
                        message: "m".repeat(1 << 20),
                        ..reject(row, "x")
                    })
                    .collect(),
                rest: wit::Disposition::Filtered,
            },
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
            "finish-makes" => {
                Ok(outputs(wit::Selection::Made(1), vec![wit::OutputColumn::Made(good(1))]).outputs)
            }
            "finish-passes" => Ok(outputs(wit::Selection::Made(1), vec![wit::OutputColumn::Input]).outputs),
            _ => Ok(Vec::new()),
        }
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, types::Fault> {
        match self.deed.as_str() {
            "snapshot-huge" => Ok(Some(vec![0; 20 << 20])),
            "snapshot-trap" => panic!("while saving"),
            _ => Ok(None),
        }
    }

    fn restore(&self, _: Vec<u8>) -> Result<(), types::Fault> {
        match self.deed.as_str() {
            "restore-refuses" => Err(types::Fault::InvalidData("no state of mine".into())),
            "restore-trap" => panic!("while restoring"),
            _ => Ok(()),
        }
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

/// Fills the engine's stack before its own, which lies in its memory.
#[inline(never)]
fn recurse_lean(turn: u64) -> u64 {
    recurse_lean(std::hint::black_box(turn) + 1).wrapping_mul(turn)
}

#[cfg(target_arch = "wasm32")]
tidegate_sdk::bindings::configuration::export!(Evil with_types_in tidegate_sdk::bindings::configuration);
tidegate_sdk::bindings::transform::export!(Evil with_types_in tidegate_sdk::bindings::transform);
