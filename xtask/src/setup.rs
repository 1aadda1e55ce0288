//! `cargo xtask setup`: what must be on the machine before anything is built.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process;

/// What plugins are built for.
pub(crate) const GUEST_TARGET: &str = "wasm32-wasip2";

/// The parts of the host that are written in C (SQLite, zstd, ring, jemalloc) include these, as most C does.
const C_PROGRAM: &[u8] = b"#include <stdlib.h>\n#include <string.h>\nint main(void) { return 0; }\n";

/// What brings the tools that those parts are built with.
const ADVICE: &str = "SQLite, zstd, ring and jemalloc are built from C. On Debian and Ubuntu: sudo apt-get install -y \
    build-essential";

/// Installs the target that plugins are built for, and looks for a C compiler and `make`.
pub(crate) fn run() -> Result<(), String> {
    c_compiler()?;
    make()?;
    guest_target()
}

fn c_compiler() -> Result<(), String> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let mut words = compiler.split_whitespace();
    let mut child = Command::new(words.next().unwrap_or("cc"))
        .args(words)
        .args(["-fsyntax-only", "-x", "c", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| format!("there is no C compiler `{compiler}` ({error}). {ADVICE}"))?;
    // A compiler that ends without reading says why by its exit status.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(C_PROGRAM);
    }
    let status = child.wait().map_err(|error| format!("`{compiler}`: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!(
        "the C compiler `{compiler}` cannot compile an empty program. {ADVICE}"
    ))
}

/// jemalloc is built by the `make` that the variable names, as its build looks for it.
fn make() -> Result<(), String> {
    let make = std::env::var("MAKE").unwrap_or_else(|_| "make".into());
    let ended = Command::new(&make)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{make} --version` ended with {status}. {ADVICE}")),
        Err(error) => Err(format!("there is no `{make}` ({error}). {ADVICE}")),
    }
}

/// Asks rustc's own folder rather than rustup, so that a Rust without rustup, or no network, will do.
fn guest_target() -> Result<(), String> {
    let sysroot = process::capture(
        Command::new("rustc")
            .args(["--print", "sysroot"])
            .current_dir(process::root()),
    )?;
    let installed = || {
        Path::new(sysroot.trim())
            .join("lib/rustlib")
            .join(GUEST_TARGET)
            .join("lib")
            .is_dir()
    };
    if installed() {
        return Ok(());
    }
    let added = Command::new("rustup")
        .args(["target", "add", GUEST_TARGET])
        .current_dir(process::root())
        .status();
    match added {
        Ok(status) if status.success() && installed() => Ok(()),
        Ok(status) => Err(format!("`rustup target add {GUEST_TARGET}` ended with {status}")),
        Err(_) => Err(format!(
            "Rust's standard library for {GUEST_TARGET} is missing, and there is no rustup to install it. Install \
             Rust from https://rustup.rs, or your system's package of that library (rust-std of {GUEST_TARGET})"
        )),
    }
}
