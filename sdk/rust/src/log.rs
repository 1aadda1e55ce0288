//! Lines in the run's log.

use crate::bindings::host;

fn write(level: host::Level, message: &str) {
    if cfg!(target_arch = "wasm32") {
        host::log(level, message, &[]);
    } else {
        eprintln!("{message}");
    }
}

/// Of use to the plugin's author.
pub fn debug(message: impl AsRef<str>) {
    write(host::Level::Debug, message.as_ref());
}

/// Of use to whoever reads the run's log.
pub fn info(message: impl AsRef<str>) {
    write(host::Level::Info, message.as_ref());
}

/// Something is not as it should be.
pub fn warn(message: impl AsRef<str>) {
    write(host::Level::Warn, message.as_ref());
}

/// Something failed.
pub fn error(message: impl AsRef<str>) {
    write(host::Level::Error, message.as_ref());
}
