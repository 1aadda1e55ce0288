//! An author's example: what a plugin is given, and what must come of it. A file of YAML each.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use serde::Deserialize;
use serde_json::Value;
use tidegate_core::schema::{Column, Document, decode};
use tidegate_core::{Error, Errors, Kind};

use super::values::{Row, batch};

/// An example, its rows made batches.
#[derive(Debug, Clone)]
pub struct Example {
    /// Its file's name without the ending.
    pub name: String,
    /// What it shows.
    pub description: String,
    /// The plugin's config.
    pub config: Value,
    /// What the plugin is given and must answer, by its role.
    pub trial: Trial,
}

/// What a plugin of a role is given, and must answer.
#[derive(Debug, Clone)]
pub enum Trial {
    /// A transform: the granted columns, batches of them, and the rows of the columns that are looked at.
    Transform {
        /// The columns that it is shown, in the order of the grant.
        schema: SchemaRef,
        /// The batches.
        input: Vec<RecordBatch>,
        /// What must come of them.
        expected: Expected<Rows>,
    },
    /// A source: what to read, and the rows of it.
    Source {
        /// Which stream.
        stream: String,
        /// Where to go on, as the source's own text.
        cursor: Option<String>,
        /// What must come of it.
        expected: Expected<Rows>,
    },
    /// A destination: batches, and how many rows it says it has loaded.
    Destination {
        /// The columns of every batch.
        schema: SchemaRef,
        /// The batches.
        input: Vec<RecordBatch>,
        /// What must come of them.
        expected: Expected<ReceiptDecl>,
    },
    /// A check: batches, and what is to be said of them.
    Check {
        /// The columns that it is shown.
        schema: SchemaRef,
        /// The batches.
        input: Vec<RecordBatch>,
        /// What must be said.
        expected: Expected<VerdictDecl>,
    },
    /// A sensor: a cursor, and what a look comes to.
    Sensor {
        /// What the last look answered.
        cursor: Option<String>,
        /// What this one must come to.
        expected: Expected<OutcomeDecl>,
    },
}

/// What must come of an example.
#[derive(Debug, Clone)]
pub enum Expected<T> {
    /// This.
    Answer(T),
    /// A fault whose message contains this.
    Fault(String),
}

/// Rows that must come out: of the columns named, whatever else there is.
#[derive(Debug, Clone)]
pub struct Rows {
    /// All outputs in order, what `finish` gives included.
    pub rows: RecordBatch,
    /// The rows that must be refused.
    pub rejects: Vec<RejectDecl>,
}

/// A row that must be refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectDecl {
    /// Which batch of the input.
    pub batch: usize,
    /// Which row of the batch.
    pub row: usize,
    /// The code.
    pub code: String,
}

/// What a destination must say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptDecl {
    /// Rows loaded.
    pub rows: u64,
}

/// What a check must say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictDecl {
    /// Whether the data is as it should be.
    pub passed: bool,
    /// What must be measured: other measures are not looked at.
    #[serde(default)]
    pub measures: BTreeMap<String, f64>,
}

/// What a sensor's look must come to: one of the two.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeDecl {
    /// The runs that it must ask for, in order.
    pub runs: Option<Vec<RunDecl>>,
    /// A text that the reason for none must contain.
    pub skip: Option<String>,
}

/// A run that a sensor must ask for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunDecl {
    /// Its key.
    pub key: String,
    /// Its slice; not looked at where it is not given.
    pub partition: Option<String>,
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    #[serde(default)]
    description: String,
    #[serde(default)]
    config: Value,
    columns: Option<Vec<Column>>,
    input: Option<Vec<Vec<Row>>>,
    stream: Option<String>,
    cursor: Option<String>,
    output: Option<OutputDecl>,
    receipt: Option<ReceiptDecl>,
    verdict: Option<VerdictDecl>,
    outcome: Option<OutcomeDecl>,
    fault: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputDecl {
    columns: Vec<Column>,
    rows: Vec<Row>,
    #[serde(default)]
    rejects: Vec<RejectDecl>,
}

/// [`Example::any_load`].
const ANY_LOAD: &str = "\
description: Three batches of two columns.
columns: [{name: id, type: int64, nullable: false}, {name: name, type: utf8}]
input: [[[1, a], [2, null]], [[3, c]], [[4, d], [5, e]]]
receipt: {rows: 5}
";

impl Example {
    /// Every `*.yaml` of a folder, by name. Collects what is wrong with all of them. A folder without any is an error.
    pub fn read_folder(folder: &Path, roles: &[String]) -> Result<Vec<Self>, Errors> {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .map_err(|error| none(folder, &error.to_string()))?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
            .collect();
        files.sort();
        if files.is_empty() {
            return Err(none(folder, "it holds no *.yaml").into());
        }
        let (mut examples, mut errors) = (Vec::new(), Vec::new());
        for file in files {
            let shown = file.display().to_string();
            let name = file
                .file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or_default();
            let read = Document::read(&file, &shown).map_err(|error| vec![error]);
            match read.and_then(|document| Self::of(name, &document, roles)) {
                Ok(example) => examples.push(example),
                Err(found) => errors.extend(found),
            }
        }
        Errors::or(errors, examples)
    }

    /// An example of a text of YAML. `roles` are the plugin's, for examples that fit several.
    pub fn parse(name: &str, text: &str, roles: &[String]) -> Result<Self, Errors> {
        let document = Document::parse(text.to_owned(), &format!("{name}.yaml"))?;
        Self::of(name, &document, roles).map_err(Errors)
    }

    /// A load that any destination takes which needs no config, for one without examples.
    pub fn any_load() -> Result<Self, Errors> {
        Self::parse("any load", ANY_LOAD, &["destination".to_owned()])
    }

    fn of(name: &str, document: &Document, roles: &[String]) -> Result<Self, Vec<Error>> {
        let declared: Declared = decode(&document.root).map_err(|errors| document.locate("", errors))?;
        let (description, config) = (declared.description.clone(), declared.config.clone());
        let trial = Reading { document }.trial(declared, roles)?;
        Ok(Self {
            name: name.to_owned(),
            description,
            config,
            trial,
        })
    }
}

fn none(folder: &Path, why: &str) -> Error {
    Error::new(
        Kind::Usage,
        "plugin.no_examples",
        format!("there are no examples in `{}`: {why}", folder.display()),
    )
    .hint("write one as docs/plugins/testing.md shows, or name their folder with --examples DIR")
}

/// Turns what a file declares into what is tried, and places what is wrong with it.
struct Reading<'a> {
    document: &'a Document,
}

impl Reading<'_> {
    fn trial(&self, declared: Declared, roles: &[String]) -> Result<Trial, Vec<Error>> {
        let is = |role: &str| roles.iter().any(|known| known == role);
        if let Some(stream) = declared.stream {
            return Ok(Trial::Source {
                stream,
                cursor: declared.cursor,
                expected: self.rows(declared.output, declared.fault)?,
            });
        }
        if declared.outcome.is_some() || (declared.columns.is_none() && is("sensor")) {
            return Ok(Trial::Sensor {
                cursor: declared.cursor,
                expected: self.expected(declared.outcome, declared.fault, "outcome")?,
            });
        }
        let Some(columns) = declared.columns else {
            return Err(self.missing("columns"));
        };
        let schema = Column::schema(&columns);
        let input = self.input(&schema, &declared.input.unwrap_or_default())?;
        if declared.receipt.is_some() || (is("destination") && !is("transform") && !is("check")) {
            return Ok(Trial::Destination {
                schema,
                input,
                expected: self.expected(declared.receipt, declared.fault, "receipt")?,
            });
        }
        if declared.verdict.is_some() || (is("check") && !is("transform")) {
            return Ok(Trial::Check {
                schema,
                input,
                expected: self.expected(declared.verdict, declared.fault, "verdict")?,
            });
        }
        Ok(Trial::Transform {
            schema,
            input,
            expected: self.rows(declared.output, declared.fault)?,
        })
    }

    fn missing(&self, key: &str) -> Vec<Error> {
        vec![
            self.document
                .error("schema.missing_key", "", format!("the key `{key}` is missing"))
                .hint("docs/plugins/testing.md shows an example of each role"),
        ]
    }

    fn expected<T>(
        &self,
        answer: Option<T>,
        fault: Option<String>,
        key: &str,
    ) -> Result<Expected<T>, Vec<Error>> {
        match (answer, fault) {
            (Some(answer), None) => Ok(Expected::Answer(answer)),
            (None, Some(fault)) => Ok(Expected::Fault(fault)),
            (None, None) => Err(self.missing(key)),
            (Some(_), Some(_)) => Err(vec![self.document.error(
                "schema.invalid_value",
                "/fault",
                format!("an example has `{key}` or `fault`, not both"),
            )]),
        }
    }

    fn input(&self, schema: &SchemaRef, batches: &[Vec<Row>]) -> Result<Vec<RecordBatch>, Vec<Error>> {
        let (mut made, mut errors) = (Vec::new(), Vec::new());
        for (index, rows) in batches.iter().enumerate() {
            match batch(schema, rows) {
                Ok(batch) => made.push(batch),
                Err(bad) => errors.push(self.bad(&format!("/input/{index}/{}", bad.row), bad.why)),
            }
        }
        if errors.is_empty() { Ok(made) } else { Err(errors) }
    }

    fn rows(&self, output: Option<OutputDecl>, fault: Option<String>) -> Result<Expected<Rows>, Vec<Error>> {
        match self.expected(output, fault, "output")? {
            Expected::Fault(fault) => Ok(Expected::Fault(fault)),
            Expected::Answer(output) => {
                let schema = Column::schema(&output.columns);
                let rows = batch(&schema, &output.rows)
                    .map_err(|bad| vec![self.bad(&format!("/output/rows/{}", bad.row), bad.why)])?;
                let mut rejects = output.rejects;
                rejects.sort();
                Ok(Expected::Answer(Rows { rows, rejects }))
            }
        }
    }

    fn bad(&self, pointer: &str, why: String) -> Error {
        self.document
            .error("schema.invalid_value", pointer, why)
            .hint("values are written as docs/plugins/testing.md says")
    }
}
