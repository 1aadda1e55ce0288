//! The templates of `tidegate plugin new`: their code and unit tests, as they are copied, and the folders around it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
#![allow(unreachable_pub, reason = "a template is the root of a crate")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../templates/check/src/lib.rs"]
mod check;
#[path = "../templates/destination/src/lib.rs"]
mod destination;
#[path = "../templates/sensor/src/lib.rs"]
mod sensor;
#[path = "../templates/source/src/lib.rs"]
mod source;
#[path = "../templates/transform/src/lib.rs"]
mod transform;

const ROLES: [&str; 5] = ["check", "destination", "sensor", "source", "transform"];

fn template(role: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(role)
}

fn rendered(text: &str) -> String {
    let sdk = format!("{{ path = {:?} }}", env!("CARGO_MANIFEST_DIR"));
    text.replace("{{name}}", "first-plugin")
        .replace("{{crate}}", "first_plugin")
        .replace("{{sdk}}", &sdk)
}

/// Copies a folder, rendered.
fn render(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, copy) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            render(&path, &copy);
        } else {
            let text = rendered(&fs::read_to_string(&path).unwrap());
            assert!(
                !text.contains("{{"),
                "{} has a placeholder of no known name",
                path.display()
            );
            fs::write(copy, text).unwrap();
        }
    }
}

#[test]
fn every_template_is_a_package_that_cargo_understands() {
    let folder = std::env::temp_dir().join(format!("tidegate-templates-{}", std::process::id()));
    for role in ROLES {
        render(&template(role), &folder.join(role));
        let metadata = Command::new(env!("CARGO"))
            .current_dir(folder.join(role))
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
            .output()
            .unwrap();
        assert!(
            metadata.status.success(),
            "{role}: {}",
            String::from_utf8_lossy(&metadata.stderr)
        );
        let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
        let package = &metadata["packages"][0];
        assert_eq!(package["name"], "first-plugin", "{role}");
        for key in ["description", "license", "version"] {
            assert!(
                !package[key].as_str().unwrap_or_default().is_empty(),
                "{role} has no {key}"
            );
        }
        let sdk = package["dependencies"].as_array().unwrap().iter();
        let sdk = sdk.filter(|one| one["name"] == "tidegate-sdk").count();
        assert_eq!(sdk, 1, "{role}");
        for file in ["README.md", ".gitignore", ".cargo/config.toml"] {
            assert!(folder.join(role).join(file).is_file(), "{role} has no {file}");
        }
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn every_role_has_a_template_that_exports_it() {
    for role in ROLES {
        let code = fs::read_to_string(template(role).join("src/lib.rs")).unwrap();
        let export = match role {
            "transform" => "export_row_transform!".to_owned(),
            role => format!("export_{role}!"),
        };
        assert!(code.contains(&format!("tidegate_sdk::{export}")), "{role}");
    }
}
