//! `tidegate plugin new`: a plugin that builds and passes its example, from the templates of the SDKs.

use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use tidegate_core::{Error, Errors, Kind};

use super::language::{Language, Role};
use crate::arguments::NewPlugin;
use crate::output::Output;
use crate::session::make_folder;

/// The longest name that a manifest takes, in bytes (host/plugin/src/manifest.rs).
const MAX_NAME_BYTES: usize = 64;

/// A file of a new plugin. Path and text hold `{{name}}`, `{{crate}}`, `{{module}}` and `{{sdk}}`.
struct Template {
    language: &'static str,
    role: &'static str,
    path: &'static str,
    text: &'static str,
}

/// Written by build.rs.
const TEMPLATES: &[Template] = include!(concat!(env!("OUT_DIR"), "/templates.rs"));

pub(crate) fn run(new: &NewPlugin, output: &Output) -> Result<ExitCode, Errors> {
    check_name(&new.name, new.lang)?;
    let templates = templates(new.lang, new.role)?;
    let folder = new.path.clone().unwrap_or_else(|| PathBuf::from(&new.name));
    check_empty(&folder)?;
    let sdk = sdk(&folder, new.lang, new.sdk.as_deref())?;
    let mut written = Vec::new();
    for template in templates {
        let path = filled(template.path, &new.name, &sdk);
        let file = folder.join(&path);
        if let Some(parent) = file.parent() {
            make_folder(parent)?;
        }
        std::fs::write(&file, filled(template.text, &new.name, &sdk)).map_err(|error| {
            Error::new(
                Kind::Resource,
                "file.permission",
                format!("cannot write `{}`: {error}", file.display()),
            )
        })?;
        written.push(path);
    }
    let shown = folder.display().to_string();
    let answer = json!({
        "name": new.name,
        "language": new.lang.name(),
        "role": new.role.name(),
        "folder": shown,
        "files": written,
    });
    output.show(&answer, || {
        say!("{} `{}` in {}:", new.role.name(), new.name, new.lang.name());
        for path in &written {
            say!("  {shown}/{path}");
        }
        say!("next: tidegate plugin test {shown}");
    });
    Ok(ExitCode::SUCCESS)
}

/// A text with its placeholders filled in.
fn filled(text: &str, name: &str, sdk: &str) -> String {
    let module = name.replace('-', "_");
    text.replace("{{name}}", name)
        .replace("{{crate}}", name)
        .replace("{{module}}", &module)
        .replace("{{sdk}}", sdk)
}

/// Small letters, digits and `-`, from a letter on: a name that a manifest, a crate and a module can have. It must mean
/// nothing else to the language.
fn check_name(name: &str, language: Language) -> Result<(), Error> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.ends_with('-');
    let hint = if !ends || name.len() > MAX_NAME_BYTES || !name.chars().all(good) {
        format!(
            "a name has small letters, digits and `-`, begins with a letter, and has {MAX_NAME_BYTES} characters at most"
        )
    } else if language.takes(name) {
        format!(
            "{} has another meaning for it: choose a name that says what it does",
            language.name()
        )
    } else {
        return Ok(());
    };
    let message = format!("`{}` cannot be a plugin's name", name.escape_debug());
    Err(Error::new(Kind::Usage, "plugin.name", message).hint(hint))
}

fn templates(language: Language, role: Role) -> Result<Vec<&'static Template>, Error> {
    let fits = |template: &&Template| template.language == language.name() && template.role == role.name();
    let found: Vec<&Template> = TEMPLATES.iter().filter(fits).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let mut others: Vec<String> = TEMPLATES
        .iter()
        .map(|template| format!("--lang {} --role {}", template.language, template.role))
        .collect();
    others.dedup();
    Err(Error::new(
        Kind::Usage,
        "plugin.no_template",
        format!("there is no template of a {} in {}", role.name(), language.name()),
    )
    .hint(format!("there are {}", others.join(", "))))
}

fn check_empty(folder: &Path) -> Result<(), Error> {
    let taken = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => folder.exists(),
    };
    if !taken {
        return Ok(());
    }
    Err(Error::new(
        Kind::Usage,
        "plugin.folder_taken",
        format!("`{}` is there already, and is not empty", folder.display()),
    )
    .hint("choose another folder with --path DIR"))
}

/// Where the new plugin finds its SDK, from its own folder: as told, else in the clone that the folder lies in.
fn sdk(folder: &Path, language: Language, told: Option<&Path>) -> Result<String, Error> {
    let missing = |message: String| {
        Error::new(Kind::Usage, "plugin.no_sdk", message)
            .hint("clone Tidegate's repository and name its `sdk` folder with --sdk DIR")
    };
    let absolute = plain(&std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()));
    if let Some(told) = told {
        let own = told.join(language.name());
        return match own.canonicalize() {
            Ok(path) => Ok(dependency(language, &path)),
            Err(error) => Err(missing(format!(
                "there is no SDK in `{}`: {error}",
                own.display()
            ))),
        };
    }
    let mut way = PathBuf::new();
    for ancestor in absolute.ancestors() {
        let own = Path::new("sdk").join(language.name());
        // The contract beside it tells Tidegate's clone from a folder that happens to be called so.
        if ancestor.join(&own).is_dir() && ancestor.join("wit").is_dir() {
            // pip takes absolute paths only.
            let from = if language == Language::Python {
                ancestor
            } else {
                way.as_path()
            };
            return Ok(dependency(language, &from.join(own)));
        }
        way.push("..");
    }
    Err(missing(format!(
        "`{}` does not lie in a clone of Tidegate's repository, which holds the SDKs",
        absolute.display()
    )))
}

/// The SDK as the language's own file names a dependency.
fn dependency(language: Language, sdk: &Path) -> String {
    let path = sdk.display().to_string();
    match language {
        Language::Rust => format!("{{ path = {path:?} }}"),
        Language::Python => path,
        Language::Javascript => format!("file:{path}"),
    }
}

/// A path without `.` and `..`, which `ancestors` would take for folders.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_manifest_crate_and_module() {
        for good in ["a", "hash-email", "x2"] {
            assert!(check_name(good, Language::Rust).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "2x",
            "a_b",
            "a b",
            "../a",
            "ž",
            &"a".repeat(65),
        ] {
            assert!(check_name(bad, Language::Python).is_err(), "{bad}");
        }
        for (language, taken) in [
            (Language::Rust, ["fn", "self", "std", "tidegate-sdk"]),
            (Language::Python, ["import", "class", "transform", "json"]),
            (Language::Python, ["wit-world", "inspect", "yield", "and"]),
        ] {
            for name in taken {
                assert!(check_name(name, language).is_err(), "{name}");
            }
        }
        assert!(check_name("import", Language::Javascript).is_ok());
    }

    #[test]
    fn placeholders_are_filled_in() {
        let text = "{{name}} {{crate}} {{module}} {{sdk}}";
        assert_eq!(
            filled(text, "hash-email", "../sdk"),
            "hash-email hash-email hash_email ../sdk"
        );
    }
}
