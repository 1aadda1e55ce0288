//! Secrets in files, as container platforms mount them.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use tidegate_core::schema::Unavailable;

use super::refused;

/// How long a secret may be, in bytes: as long as AWS lets one be.
const MAX_BYTES: u64 = 64 << 10;

/// What a file holds, less one line end behind it; none where it is not there. Read anew each time.
pub(super) fn read(path: &Path) -> Result<Option<String>, Unavailable> {
    let failed = |error: std::io::Error| refused(&format!("`{}`: {error}", path.display()));
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !about.is_file() {
        return Err(refused(&format!("`{}` is no file", path.display())));
    }
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
    let read = read.map_err(failed)?;
    if read as u64 > MAX_BYTES {
        return Err(refused(&format!(
            "`{}` is longer than {MAX_BYTES} bytes",
            path.display()
        )));
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err(refused(&format!("`{}` is empty", path.display())));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn one_line_end_is_left_out_and_what_is_no_secret_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            read(&path)
        };
        assert_eq!(file("a", b"pass word\n"), Ok(Some("pass word".into())));
        assert_eq!(file("b", b"two\nlines\r\n"), Ok(Some("two\nlines".into())));
        assert_eq!(file("c", b" kept "), Ok(Some(" kept ".into())));
        assert!(file("d", b"\n").unwrap_err().why.ends_with("is empty"));
        assert!(file("e", b"\xff\xfe").is_err());
        assert!(
            file("f", &vec![b'x'; (64 << 10) + 1])
                .unwrap_err()
                .why
                .contains("longer")
        );
        assert_eq!(read(&folder.path().join("none")), Ok(None));
        assert!(read(folder.path()).unwrap_err().why.ends_with("is no file"));
    }
}
