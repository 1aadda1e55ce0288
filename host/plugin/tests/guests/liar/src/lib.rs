//! Does what a plugin of each role must not do, as `deed` of its config says.

#![allow(unsafe_code)]

use std::cell::Cell;

use tidegate_sdk::bindings::source::exports::tidegate::plugin::source as wit;
use tidegate_sdk::bindings::types;
use tidegate_sdk::prelude::*;

/// What is done.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    deed: String,
}

/// A source that writes its own chunks: of one int64 column.
struct Pages;

struct Reader {
    deed: String,
    pages: Cell<u32>,
}

fn integers(count: u32) -> types::Column {
    types::Column {
        nodes: vec![types::Node {
            row_count: count,
            null_count: 0,
        }],
        buffers: vec![Vec::new(), vec![0; 8 * count as usize]],
    }
}

fn deed(config: &str) -> Result<String, types::Fault> {
    match serde_json::from_str::<Config>(config) {
        Ok(config) => Ok(config.deed),
        Err(error) => Err(types::Fault::Fatal(error.to_string())),
    }
}

impl wit::Guest for Pages {
    type Reader = Reader;

    fn check(config: String) -> Result<(), types::Fault> {
        match deed(&config)?.as_str() {
            "check" => Err(types::Fault::Retryable(types::Retry {
                message: "nobody answers".into(),
                after_ms: None,
            })),
            _ => Ok(()),
        }
    }

    fn discover(config: String) -> Result<Vec<wit::Stream>, types::Fault> {
        let deed = deed(&config)?;
        let name = match deed.as_str() {
            "stream-name" => "\u{1b}[2J",
            _ => "numbers",
        };
        let data_type = match deed.as_str() {
            "told-type" => types::DataType::Float64,
            _ => types::DataType::Int64,
        };
        Ok(vec![wit::Stream {
            name: name.into(),
            description: None,
            schema: types::Schema {
                fields: vec![types::Field {
                    name: "n".into(),
                    data_type,
                    nullable: true,
                }],
                columns: vec![if deed == "schema" { 7 } else { 0 }],
            },
            key: Vec::new(),
            incremental: true,
        }])
    }
}

impl wit::GuestReader for Reader {
    fn open(request: wit::Request) -> Result<wit::Reader, types::Fault> {
        let deed = deed(&request.config)?;
        match deed.as_str() {
            "open" => Err(types::Fault::InvalidConfig(types::ConfigFault {
                pointer: "/deed".into(),
                message: request.config,
            })),
            _ => Ok(wit::Reader::new(Self {
                deed,
                pages: Cell::new(0),
            })),
        }
    }

    fn next(&self, max_rows: u32) -> Result<Option<wit::Chunk>, types::Fault> {
        let page = self.pages.get() + 1;
        self.pages.set(page);
        let good = wit::Chunk {
            row_count: 3,
            columns: vec![integers(3)],
            cursor: page.to_le_bytes().to_vec(),
        };
        Ok(Some(match self.deed.as_str() {
            "rows" => wit::Chunk { row_count: 4, ..good },
            "too-many-rows" => wit::Chunk {
                row_count: max_rows + 1,
                columns: vec![integers(max_rows + 1)],
                ..good
            },
            "columns" => wit::Chunk {
                columns: Vec::new(),
                ..good
            },
            "type" => wit::Chunk {
                columns: vec![types::Column {
                    nodes: vec![types::Node {
                        row_count: 3,
                        null_count: 0,
                    }],
                    buffers: vec![Vec::new(), vec![0; 16], b"abc".to_vec()],
                }],
                ..good
            },
            "cursor-long" => wit::Chunk {
                cursor: vec![1; (64 << 10) + 1],
                ..good
            },
            "cursor-still" => wit::Chunk {
                cursor: vec![1],
                ..good
            },
            "forever" => wit::Chunk {
                row_count: 0,
                columns: vec![integers(0)],
                cursor: vec![1],
            },
            "trap" => panic!("in the middle of {}", self.deed),
            "data" => return Err(types::Fault::InvalidData(self.deed.clone())),
            "retry-late" => {
                return Err(types::Fault::Retryable(types::Retry {
                    message: "come back tomorrow".into(),
                    after_ms: Some(86_400_000),
                }));
            }
            _ if page > 2 => return Ok(None),
            _ => good,
        }))
    }
}

/// A destination.
pub struct Hole {
    deed: String,
    rows: u64,
}

impl Destination for Hole {
    type Config = Config;
    type Staged = String;

    fn check(_: &Config) -> Result<(), Fault> {
        Ok(())
    }

    fn open(config: Config, _: Load<String>) -> Result<Self, Fault> {
        Ok(Self {
            deed: config.deed,
            rows: 0,
        })
    }

    fn write(&mut self, batch: &Batch, _: &str) -> Result<(), Fault> {
        assert!(self.deed != "write", "while writing");
        self.rows += batch.rows() as u64;
        Ok(())
    }

    fn stage(&mut self) -> Result<Option<String>, Fault> {
        let length = if self.deed == "staged-long" { 64 << 10 } else { 0 };
        Ok(Some("x".repeat(length)))
    }

    fn commit(&mut self) -> Result<Receipt, Fault> {
        Ok(Receipt {
            rows: self.rows + u64::from(self.deed == "receipt"),
            bytes: None,
            location: "\u{1b}[2Jnowhere".into(),
        })
    }
}

/// A check.
pub struct Judge(String);

impl Check for Judge {
    type Config = Config;

    fn bind(config: Config, _: &Input) -> Result<Self, Fault> {
        Ok(Self(config.deed))
    }

    fn observe(&mut self, _: &Batch) -> Result<(), Fault> {
        assert!(self.0 != "observe", "at the sight of it");
        Ok(())
    }

    fn verdict(&mut self) -> Result<Verdict, Fault> {
        let verdict = Verdict::new(true, "\u{1b}[2Jgood");
        Ok(match self.0.as_str() {
            "verdict" => panic!("without a word"),
            "measure" => verdict.measure("share", f64::NAN),
            "measures" => (0..1_000).fold(verdict, |verdict, n| verdict.measure(n.to_string(), 0.0)),
            _ => verdict,
        })
    }
}

/// A sensor.
pub struct Alarm;

impl Sensor for Alarm {
    type Config = Config;
    type Cursor = String;

    fn evaluate(config: Config, _: Option<String>) -> Result<Evaluation<String>, Fault> {
        let run = |key: &str| RunRequest::new(key);
        Ok(match config.deed.as_str() {
            "empty" => Evaluation::runs([run("")]),
            "control" => Evaluation::runs([run("\u{1b}[2J")]),
            "long" => Evaluation::runs([run(&"x".repeat(256))]),
            "twice" => Evaluation::runs([run("a"), run("a")]),
            "many" => Evaluation::runs((0..1_001).map(|n| RunRequest::new(n.to_string()))),
            "cursor" => Evaluation::skip("nothing").cursor("x".repeat(64 << 10)),
            "trap" => panic!("on the wall"),
            _ => Evaluation::skip("nothing"),
        })
    }
}

#[cfg(target_arch = "wasm32")]
const _: () = {
    use tidegate_sdk::bindings::configuration::exports::tidegate::plugin::configuration;
    use tidegate_sdk::{bindings, export};

    tidegate_sdk::manifest!(source, destination, check, sensor);

    struct Configuration;

    impl configuration::Guest for Configuration {
        fn schema() -> String {
            export::schema([export::check::schema::<Judge>()])
        }
    }

    type Destination = export::destination::Component<Hole>;
    type Check = export::check::Component<Judge>;
    type Sensor = export::sensor::Component<Alarm>;
    bindings::configuration::export!(Configuration with_types_in bindings::configuration);
    bindings::source::export!(Pages with_types_in bindings::source);
    bindings::destination::export!(Destination with_types_in bindings::destination);
    bindings::check::export!(Check with_types_in bindings::check);
    bindings::sensor::export!(Sensor with_types_in bindings::sensor);
};
