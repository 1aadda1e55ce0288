//! A project in a folder of its own, the binary that works on it, and what lies there afterwards.

// Each test file uses its own part of this.
#![allow(dead_code)]

pub(crate) mod answering;
pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod doomed;
pub(crate) mod mail;
pub(crate) mod postgres_server;
pub(crate) mod relay;
pub(crate) mod runs;
pub(crate) mod server;
pub(crate) mod ticks;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tempfile::TempDir;

/// The repository: real data, real schemas and the built plugins.
/// Asked when run: where clones share a target folder, this may have been built in another one.
pub(crate) fn repository() -> String {
    format!("{}/../..", std::env::var("CARGO_MANIFEST_DIR").unwrap())
}

/// Columns of the example's `flights` by which its rows are checked, and the rest of its file.
pub(crate) fn flights_schema() -> String {
    fs::read_to_string(format!("{}/schemas/assets/flights.yaml", repository())).unwrap()
}

/// A project of a test; its folder goes with it.
pub(crate) struct Project {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The exit code; none where a signal ended the process.
    pub(crate) code: Option<i32>,
    /// The standard output.
    pub(crate) stdout: String,
    /// The standard error.
    pub(crate) stderr: String,
}

impl Answer {
    fn new(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The same, once it has succeeded.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    /// The same, once it has failed as told: the exit code, and the error's code printed.
    #[track_caller]
    pub(crate) fn failed(self, exit: i32, code: &str) -> Self {
        assert_eq!(self.code, Some(exit), "{}{}", self.stdout, self.stderr);
        assert!(
            self.stderr.contains(&format!("error[{code}]")),
            "{code} is not told:\n{}",
            self.stderr
        );
        self
    }
}

impl Project {
    /// A folder with nothing in it.
    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        }
    }

    /// A project with the resource `raw`, the folder `in`, the resource `lake`, the folder `.tidegate/data`, and the
    /// repository's plugins.
    pub(crate) fn new() -> Self {
        let project = Self::empty();
        project.write(
            "schemas/project.yaml",
            format!(
                "apiVersion: tidegate/v1\nkind: Project\nname: trial\nplugins: [{}/plugins/dist]\n",
                repository()
            ),
        );
        project.resource("raw", "in");
        project.resource("lake", ".tidegate/data");
        project
    }

    /// The same with the asset `small`, of two rows.
    pub(crate) fn small() -> Self {
        let project = Self::new();
        project.write("in/small.csv", "id\n1\n2\n");
        project.asset(
            "small",
            "source: {resource: raw, path: small.csv}\n\
             columns: [{name: id, type: int64}]\n\
             destination: {resource: lake, load: replace}",
        );
        project
    }

    /// Declares a folder as resource.
    pub(crate) fn resource(&self, name: &str, root: &str) {
        self.write(
            &format!("schemas/resources/{name}.yaml"),
            format!("apiVersion: tidegate/v1\nkind: Resource\nname: {name}\ntype: file\nconfig: {{root: {root}}}\n"),
        );
    }

    /// Declares an asset; the text stands behind its name.
    pub(crate) fn asset(&self, name: &str, text: &str) {
        self.write(
            &format!("schemas/assets/{name}.yaml"),
            format!("apiVersion: tidegate/v1\nkind: Asset\nname: {name}\n{text}\n"),
        );
    }

    /// Sets a variable for every command.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The project's folder.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// The command, not yet started. Compiled plugins are shared by all tests.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env(
                "TIDEGATE_CACHE",
                concat!(env!("CARGO_TARGET_TMPDIR"), "/plugin-cache"),
            )
            .env_remove("TIDEGATE_STATE")
            // Several serve at once.
            .env("TIDEGATE_LISTEN", "127.0.0.1:0")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn tidegate(&self, arguments: &[&str]) -> Answer {
        Answer::new(&self.command(arguments).output().unwrap())
    }

    /// Runs a command with `--json`; answers what it printed, whatever its exit code.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let answer = self.tidegate(&[arguments, &["--json"]].concat());
        serde_json::from_str(&answer.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", answer.stdout, answer.stderr))
    }

    /// Starts a command, quietly.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// The folders of an asset that hold a slice each, in the order of their keys.
    fn slices(&self, asset: &str) -> Vec<PathBuf> {
        let folder = self.path(".tidegate/data").join(asset);
        if folder.join("_manifest").exists() {
            return vec![folder];
        }
        let mut found: Vec<PathBuf> = files(&folder);
        found.retain(|path| path.join("_manifest").exists());
        found
    }

    /// Every row of an asset that can be seen, in order; none where nothing can.
    pub(crate) fn rows(&self, asset: &str) -> Option<RecordBatch> {
        let mut batches = Vec::new();
        for slice in self.slices(asset) {
            let Some(newest) = manifests(&slice).pop() else {
                continue;
            };
            let manifest: Value = serde_json::from_slice(&fs::read(newest).unwrap()).unwrap();
            for part in manifest["parts"].as_array().unwrap() {
                batches.extend(parquet(&slice.join(part["name"].as_str().unwrap())));
            }
        }
        let schema = batches.first()?.schema();
        Some(arrow_select::concat::concat_batches(&schema, &batches).unwrap())
    }

    /// The rows of an asset that can be seen, as text; empty where nothing can.
    pub(crate) fn lines(&self, asset: &str) -> Vec<String> {
        self.rows(asset).map_or_else(Vec::new, |rows| lines(&rows, &[]))
    }

    /// Whether a load of the asset can be seen at all.
    pub(crate) fn is_loaded(&self, asset: &str) -> bool {
        self.slices(asset)
            .iter()
            .any(|slice| !manifests(slice).is_empty())
    }

    /// Fails where anything but what the newest manifests list lies beside it.
    #[track_caller]
    pub(crate) fn assert_tidy(&self, asset: &str) {
        for slice in self.slices(asset) {
            let newest = manifests(&slice).pop().unwrap();
            let manifest: Value = serde_json::from_slice(&fs::read(newest).unwrap()).unwrap();
            let mut listed: Vec<PathBuf> = manifest["parts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|part| slice.join(part["name"].as_str().unwrap()))
                .collect();
            listed.sort();
            let mut found = files(&slice);
            found.retain(|path| path.file_name().unwrap() != "_manifest");
            assert_eq!(found, listed);
        }
    }

    /// Every refused row of the last run, less the run's id, sorted.
    pub(crate) fn refused(&self) -> Vec<String> {
        let entries = self.json(&["quarantine", "list"]);
        let mut found: Vec<String> = Vec::new();
        for entry in entries.as_array().unwrap() {
            let path = self
                .path(".tidegate/artifacts")
                .join(entry["artifact"].as_str().unwrap());
            let before = found.len();
            for batch in parquet(&path) {
                found.extend(lines(&batch, &["_run"]));
            }
            assert_eq!((found.len() - before) as u64, entry["rows"].as_u64().unwrap());
        }
        found.sort();
        found
    }

    /// The state of the newest run, as `runs list` tells it.
    #[track_caller]
    pub(crate) fn last_state(&self) -> String {
        let runs = self.json(&["runs", "list"]);
        runs[0]["state"].as_str().expect("there is a run").to_owned()
    }

    /// Waits until an attempt has staged so many parts; answers whether it did before the process ended.
    pub(crate) fn staged(&self, asset: &str, parts: usize, child: &mut Child) -> bool {
        let started = Instant::now();
        let folder = self.path(".tidegate/data").join(asset);
        loop {
            let staged = files(&folder)
                .iter()
                .filter(|path| path.extension().is_some_and(|ending| ending == "staged"))
                .count();
            if staged >= parts {
                return true;
            }
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "nothing was staged in {}",
                folder.display()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What a folder holds, sorted; nothing where it is not there.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

/// The manifests of a slice's folder, the newest last. What a killed process wrote beside them is none: readers go by
/// the name, and so do these tests.
fn manifests(slice: &Path) -> Vec<PathBuf> {
    let mut found = files(&slice.join("_manifest"));
    found.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    found
}

/// Every file below a folder, sorted.
pub(crate) fn tree(folder: &Path) -> Vec<PathBuf> {
    files(folder)
        .into_iter()
        .flat_map(|path| if path.is_dir() { tree(&path) } else { vec![path] })
        .collect()
}

fn parquet(path: &Path) -> Vec<RecordBatch> {
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// A line a row: its values but those of the columns named, with commas between.
fn lines(rows: &RecordBatch, but: &[&str]) -> Vec<String> {
    let options = FormatOptions::default().with_null("~");
    let schema = rows.schema();
    let formatters: Vec<ArrayFormatter<'_>> = schema
        .fields()
        .iter()
        .zip(rows.columns())
        .filter(|(field, _)| !but.contains(&field.name().as_str()))
        .map(|(_, column)| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
        .collect();
    (0..rows.num_rows())
        .map(|row| {
            let values: Vec<String> = formatters
                .iter()
                .map(|column| column.value(row).to_string())
                .collect();
            values.join(",")
        })
        .collect()
}
