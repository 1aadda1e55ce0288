//! The author's guides, followed to the letter: from nothing to a tested plugin in an asset that ran.
//!
//! A shell runs every `sh` block of a guide's sections, in order, in an empty folder. A block below a line that ends with
//! a file's name and a colon is written into that file, as the reader would; one below "`FILE` is" must stand in it
//! already.
//!
//! What the reader has beforehand is put in place: the clone beside the project (a link to this one), an installed
//! `tidegate` (this one's release build), and Rust (the toolchain that runs this test). Cargo, npm and pip fetch what they
//! need as they do for the reader; crates are built in the folder where the repository's own plugins are, so that most of
//! them are built already.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Instant;

use serde_json::Value;

/// What docs/plugins/publishing.md publishes, and where: a plugin of its own, into a folder of this machine's.
const OTHERWISE: [(&str, &str); 2] = [
    ("dist/hash-email.wasm", "plugins/dist/scale.wasm"),
    ("/srv/plugins", "../registry"),
];

/// Commands of the section "Five minutes" at most.
const FEW: usize = 10;

#[test]
fn rust_from_nothing_to_an_asset() {
    let mut reader = Reader::new("rust");
    reader.reads(
        "rust.md",
        &["Five minutes", "The code", "Whole columns", "Test it"],
    );
    reader.reads("testing.md", &["Test a plugin"]);
    reader.reads("publishing.md", &["Publish"]);
    reader.arrives();
}

#[test]
fn python_from_nothing_to_an_asset() {
    let mut reader = Reader::new("python");
    reader.reads("python.md", &["Five minutes", "The code", "Test it"]);
    reader.arrives();
}

#[test]
fn javascript_from_nothing_to_an_asset() {
    let mut reader = Reader::new("javascript");
    reader.reads("javascript.md", &["Five minutes", "The code", "Test it"]);
    reader.arrives();
}

#[test]
fn from_the_rest_source_to_one_of_ones_own() {
    let mut reader = Reader::new("rest");
    reader.reads("../connectors/rest.md", &["From here to a plugin of your own"]);
    let printed = reader.runs(&reader.script.0);
    assert!(printed.contains("test result: ok. 1 passed"), "{printed}");
}

/// Someone with an empty folder, who does what is written.
struct Reader {
    folder: PathBuf,
    script: Script,
}

impl Reader {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("guide-{name}"));
        // What a test that was killed left behind.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("bin")).expect("a folder");
        symlink(root(), folder.join("tidegate")).expect("a link to the clone");
        symlink(&*TIDEGATE, folder.join("bin/tidegate")).expect("a link to the binary");
        let script = Script::default();
        Self { folder, script }
    }

    /// Takes in what sections of a guide say is to be done.
    fn reads(&mut self, guide: &str, headings: &[&str]) {
        let text = read(&format!("docs/plugins/{guide}"));
        let blocks = blocks(&text);
        for heading in headings {
            let mut typed = 0;
            let mut section = blocks.iter().filter(|block| block.heading == *heading).peekable();
            assert!(section.peek().is_some(), "{guide}: `{heading}` has no blocks");
            for block in section {
                match &block.file {
                    Some(File::Written(path)) => self.script.write(path, &block.text),
                    Some(File::Shown(path)) => self.script.look(path, &block.text, guide),
                    None => {
                        assert_eq!(
                            block.language, "sh",
                            "{guide}: which file has this?\n{}",
                            block.text
                        );
                        for mut command in commands(&block.text) {
                            for (words, ours) in OTHERWISE {
                                command = command.replace(words, ours);
                            }
                            self.script.enter(&command);
                            typed += 1;
                        }
                    }
                }
            }
            if *heading == "Five minutes" {
                assert!((1..=FEW).contains(&typed), "{guide}: {typed} commands");
            }
        }
    }

    /// Does it all, and looks at what came of it.
    fn arrives(self) {
        let started = Instant::now();
        self.runs(&self.script.0);
        // Told and not held: how long it takes is the machine's matter, and the guides' is in how few commands.
        eprintln!("{}: {} s", self.folder.display(), started.elapsed().as_secs());
        let printed = self.runs("cd orders && tidegate runs show latest --json");
        let shown: Value = serde_json::from_str(&printed).expect("JSON");
        assert_eq!(shown["run"]["state"], "succeeded", "{printed}");
        let done = &shown["materializations"][0];
        assert_eq!(done["load"]["rows"], 2, "{printed}");
        assert_eq!(done["counts"]["steps"][0]["counts"]["rejected"], 1, "{printed}");
    }

    /// What a script prints, which must come to its end.
    fn runs(&self, script: &str) -> String {
        let path = std::env::var("PATH").expect("a path");
        let output = bash(script, &self.folder)
            .env("PATH", format!("{}:{path}", self.folder.join("bin").display()))
            .env("TIDEGATE_CACHE", self.folder.join("cache"))
            .env_remove("TIDEGATE_STATE")
            .env("CARGO_TARGET_DIR", guests())
            // What it has fetched before it need not ask for again.
            .env("npm_config_prefer_offline", "true")
            .output()
            .expect("bash");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}\n{printed}", output.status);
        printed
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Some 400 MB of packages.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What is typed, written and looked at: a script that says each step and ends at the first that goes wrong.
#[derive(Default)]
struct Script(String);

impl Script {
    fn enter(&mut self, command: &str) {
        let _ = write!(
            self.0,
            "cat <<'END OF COMMAND'\n+ {command}\nEND OF COMMAND\n{{ {command}\n}} || exit 1\n"
        );
    }

    fn write(&mut self, path: &str, text: &str) {
        let _ = write!(
            self.0,
            "echo '+ (writes {path})'\nmkdir -p \"$(dirname '{path}')\" || exit 1\n\
             cat > '{path}' <<'END OF FILE' || exit 1\n{text}END OF FILE\n"
        );
    }

    fn look(&mut self, path: &str, text: &str, guide: &str) {
        let _ = write!(
            self.0,
            "shown=$(cat <<'END OF FILE'\n{text}END OF FILE\n)\n\
             [[ $(< '{path}') == *\"$shown\"* ]] || {{ echo '{guide} shows {path} otherwise than it is'; exit 1; }}\n"
        );
    }
}

fn bash(script: &str, folder: &Path) -> Command {
    let mut command = Command::new("bash");
    command
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

/// A fenced block of a guide.
#[derive(Debug, PartialEq)]
struct Block<'a> {
    heading: &'a str,
    language: &'a str,
    file: Option<File>,
    text: String,
}

/// What is said of the file that a block is of.
#[derive(Debug, PartialEq)]
enum File {
    Written(String),
    Shown(String),
}

impl File {
    /// Of the line in front of a block.
    fn of(line: &str) -> Option<Self> {
        if let Some((_, path)) = line.strip_suffix("`:").and_then(|line| line.rsplit_once('`')) {
            return Some(Self::Written(path.to_owned()));
        }
        let (path, rest) = line.strip_prefix('`')?.split_once('`')?;
        (rest.starts_with(" is") && rest.ends_with(':')).then(|| Self::Shown(path.to_owned()))
    }
}

fn blocks(guide: &str) -> Vec<Block<'_>> {
    let (mut heading, mut before, mut open) = ("", "", false);
    let mut found: Vec<Block<'_>> = Vec::new();
    for line in guide.lines() {
        if let Some(language) = line.strip_prefix("```") {
            open = !open;
            if open {
                let (file, text) = (File::of(before), String::new());
                found.push(Block {
                    heading,
                    language,
                    file,
                    text,
                });
            }
            before = "";
        } else if let Some(block) = found.last_mut().filter(|_| open) {
            block.text.push_str(line);
            block.text.push('\n');
        } else if line.starts_with('#') {
            (heading, before) = (line.trim_start_matches('#').trim(), "");
        } else if !line.is_empty() {
            before = line;
        }
    }
    assert!(!open, "the last block has no end");
    found
}

/// The commands of a shell block: a line each, but where one goes on behind a backslash.
fn commands(block: &str) -> Vec<String> {
    let joined = block.replace("\\\n", "\\\0");
    let lines = joined.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| line.replace('\0', "\n")).collect()
}

/// This clone's `tidegate`, as a reader would install it.
static TIDEGATE: LazyLock<PathBuf> = LazyLock::new(|| {
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "-p",
            "tidegate-cli",
            "--message-format",
            "json-render-diagnostics",
        ])
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo");
    assert!(
        built.status.success(),
        "`cargo build --release -p tidegate-cli` failed"
    );
    let messages = String::from_utf8_lossy(&built.stdout).into_owned();
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs
        .find(|program| program.ends_with("tidegate"))
        .expect("a binary")
});

/// Where the crates of the repository's plugins are built (xtask/src/guests.rs).
fn guests() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => std::path::absolute(target).expect("a path").join("guests"),
        None => root().join("plugins/target"),
    }
}

fn root() -> PathBuf {
    // Asked when run: where clones share a target folder, this may have been built in another one.
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    here.parent().expect("the clone").to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn guides_are_read_as_people_do() {
    let guide = "# A\n\n## B\n\n```sh\none \\\n  two\n# a remark\n\nthree\n```\n\nNow `c/d.yaml`:\n\n```yaml\nx: 1\n```\n\n\
                 `e.rs` is, in part:\n\n```rust\n# f\n```\n\n```sh\n```\n\nIt is.\n\n```json\n```\n";
    let found = blocks(guide);
    assert!(found.iter().all(|block| block.heading == "B"));
    assert_eq!(commands(&found[0].text), ["one \\\n  two", "# a remark", "three"]);
    let files: Vec<Option<File>> = found.into_iter().map(|block| block.file).collect();
    let expected = [
        None,
        Some(File::Written("c/d.yaml".into())),
        Some(File::Shown("e.rs".into())),
        None,
        None,
    ];
    assert_eq!(files, expected);
}

#[test]
fn a_script_ends_at_the_first_step_that_goes_wrong() {
    let said = |steps: fn(&mut Script)| {
        let mut script = Script::default();
        steps(&mut script);
        script.enter("echo done");
        let output = bash(&script.0, &root().join("xtask")).output().expect("bash");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.success(), said.ends_with("\ndone\n"), "{said}");
        output.status.success()
    };
    assert!(said(|script| script.enter("cd . && true")));
    assert!(!said(|script| script.enter("cd no-such-folder && true")));
    assert!(said(|script| script.look(
        "Cargo.toml",
        "[package]\nname = \"xtask\"\n",
        "x.md"
    )));
    assert!(!said(|script| script.look(
        "Cargo.toml",
        "[package]\nname = \"ztask\"\n",
        "x.md"
    )));
    assert!(!said(|script| script.write("Cargo.toml/x", "")));
}
