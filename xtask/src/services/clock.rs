//! A clock that tests set, for processes of their own: libfaketime.

use std::fs;
use std::path::PathBuf;

use super::apt_install;

/// The variable in which tests look for the library.
pub(crate) const LIBRARY_VARIABLE: &str = "TIDEGATE_TEST_FAKETIME";

/// Installs it where it is missing; answers the library that a process with threads is started with.
pub(crate) fn install() -> Result<PathBuf, String> {
    if let Some(library) = library() {
        return Ok(library);
    }
    apt_install("libfaketime")?;
    library().ok_or_else(|| "libfaketime was installed, but its library is not found".to_owned())
}

/// Debian's, in the folder of whichever machine this is.
fn library() -> Option<PathBuf> {
    let machines = fs::read_dir("/usr/lib").ok()?;
    machines
        .flatten()
        .map(|machine| machine.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file())
}
