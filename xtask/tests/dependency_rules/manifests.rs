//! Which crate may depend on which.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::none;
use crate::tree::{MANIFESTS, packages};

/// The host's crates; each may know those before it only.
const ORDER: &[&str] = &[
    "tidegate-core",
    "tidegate-plugin",
    "tidegate-connector",
    "tidegate-sql",
    "tidegate-flow",
    "tidegate-state",
    "tidegate-orchestrator",
    "tidegate-engine-ballista",
    "tidegate-api",
    "tidegate-cli",
];

/// Crates that may know `tidegate-core` and nothing else of the host.
const ONLY_CORE: &[&str] = &["tidegate-plugin", "tidegate-connector", "tidegate-state"];

/// Dependencies that are the matter of some crates alone. The name stands for itself and all that begin with it.
const OWNERS: &[(&str, &[&str])] = &[
    ("wasmtime", &["tidegate-plugin"]),
    ("sqlx", &["tidegate-state", "tidegate-connector"]),
    ("datafusion", &["tidegate-sql", "tidegate-engine-ballista"]),
    ("ballista", &["tidegate-engine-ballista"]),
    ("axum", &["tidegate-api"]),
];

/// What the core must not know: it has no runtime, no database, no server, no sandbox.
const NOT_IN_CORE: &[&str] = &["tokio", "sqlx", "axum", "wasmtime", "datafusion"];

/// Packages of which there is one version, or values of one version would be no values of the other.
const ONE_VERSION: &[&str] = &["arrow", "parquet", "wasmtime", "tokio", "sqlx"];

/// A package with what it depends on outside tests.
struct Package {
    name: String,
    manifest: String,
    needs: Vec<String>,
}

impl Package {
    fn of(package: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        Self {
            name: text(&package["name"]),
            manifest: text(&package["manifest_path"]),
            needs: dependencies
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text(&dependency["name"]))
                .collect(),
        }
    }

    #[cfg(test)]
    fn new(name: &str, needs: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            manifest: format!("host/{name}/Cargo.toml"),
            needs: needs.iter().map(|&need| need.to_owned()).collect(),
        }
    }

    fn violation(&self, need: &str, rule: &str) -> String {
        format!("{}: {} depends on {need}, but {rule}", self.manifest, self.name)
    }
}

/// Whether a name is another, or that with a dash and more.
fn begins(name: &str, start: &str) -> bool {
    name.strip_prefix(start)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn order(packages: &[Package]) -> Vec<String> {
    let place = |name: &str| ORDER.iter().position(|known| *known == name);
    let mut violations = Vec::new();
    for package in packages {
        let Some(own) = place(&package.name) else {
            violations.push(format!(
                "{}: {} has no place in ORDER (xtask/tests/dependency_rules/manifests.rs)",
                package.manifest, package.name
            ));
            continue;
        };
        for need in package.needs.iter().filter(|need| need.starts_with("tidegate-")) {
            if place(need).is_none_or(|other| other >= own) {
                violations.push(package.violation(need, "a crate may know those before it in ORDER only"));
            } else if ONLY_CORE.contains(&package.name.as_str()) && need != "tidegate-core" {
                violations.push(package.violation(need, "of the host it may know tidegate-core only"));
            }
        }
    }
    violations
}

fn owners(packages: &[Package]) -> Vec<String> {
    let mut violations = Vec::new();
    for package in packages {
        for need in &package.needs {
            for (owned, owners) in OWNERS {
                if begins(need, owned) && !owners.contains(&package.name.as_str()) {
                    violations.push(package.violation(need, &format!("only {} may", owners.join(" and "))));
                }
            }
            if package.name == "tidegate-core" && NOT_IN_CORE.iter().any(|not| begins(need, not)) {
                violations
                    .push(package.violation(need, "the core knows no runtime, database, server or sandbox"));
            }
        }
    }
    violations
}

/// The SDK and the plugins stand on the WIT package alone.
fn apart(packages: &[Package]) -> Vec<String> {
    let mut violations = Vec::new();
    for package in packages {
        let of_host = package
            .needs
            .iter()
            .filter(|need| need.starts_with("tidegate-") && !begins(need, "tidegate-sdk"));
        violations
            .extend(of_host.map(|need| package.violation(need, "the SDK and plugins never know the host")));
    }
    violations
}

fn versions(packages: &[(String, String)]) -> Vec<String> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, version) in packages {
        if ONE_VERSION.iter().any(|one| begins(name, one)) {
            found.entry(name).or_default().push(version);
        }
    }
    let several = found.into_iter().filter(|(_, versions)| versions.len() > 1);
    several
        .map(|(name, versions)| {
            format!(
                "Cargo.lock: {name} is there in versions {}",
                versions.join(" and ")
            )
        })
        .collect()
}

fn host_and_sdk() -> (Vec<Package>, Vec<Package>) {
    let all = packages("Cargo.toml", false);
    let ours = all
        .iter()
        .map(Package::of)
        .filter(|package| package.name != "xtask");
    ours.partition(|package| !begins(&package.name, "tidegate-sdk"))
}

#[test]
fn each_crate_knows_only_those_before_it() {
    none(&order(&host_and_sdk().0));
}

#[test]
fn what_belongs_to_a_crate_is_named_by_no_other() {
    none(&owners(&host_and_sdk().0));
}

#[test]
fn the_sdk_and_the_plugins_do_not_know_the_host() {
    none(&apart(&host_and_sdk().1));
    let plugins: Vec<Package> = packages("plugins/Cargo.toml", false)
        .iter()
        .map(Package::of)
        .collect();
    none(&apart(&plugins));
}

#[test]
fn there_is_one_version_of_what_must_be_one() {
    for manifest in MANIFESTS {
        let all: Vec<(String, String)> = packages(manifest, true)
            .iter()
            .map(|package| {
                let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
                (text("name"), text("version"))
            })
            .collect();
        none(&versions(&all));
    }
}

#[test]
fn no_dependency_comes_from_git() {
    for manifest in MANIFESTS {
        none(&from_git(&packages(manifest, true)));
    }
}

fn from_git(packages: &[Value]) -> Vec<String> {
    let git = packages.iter().filter(|package| {
        package["source"]
            .as_str()
            .is_some_and(|source| source.starts_with("git+"))
    });
    git.map(|package| format!("Cargo.lock: {} comes from {}", package["name"], package["source"]))
        .collect()
}

#[test]
fn the_rules_find_what_breaks_them() {
    let state = Package::new("tidegate-state", &["tidegate-core", "tidegate-plugin"]);
    let flow = Package::new("tidegate-flow", &["tidegate-state"]);
    let stray = Package::new("tidegate-stray", &[]);
    let found = order(&[state, flow, stray]);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("tidegate-state depends on tidegate-plugin"));
    assert!(found[1].starts_with("host/tidegate-flow/Cargo.toml: tidegate-flow depends on tidegate-state"));
    assert!(found[2].contains("has no place in ORDER"));

    let core = Package::new("tidegate-core", &["tokio", "wasmtime-wasi", "serde"]);
    let found = owners(&[core]);
    assert_eq!(found.len(), 3, "{found:?}");

    let sdk = Package::new("tidegate-sdk", &["tidegate-core"]);
    assert_eq!(apart(&[sdk]).len(), 1);

    let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
    let found = versions(&[
        pair("arrow-array", "59.3.0"),
        pair("arrow-array", "60.0.0"),
        pair("tokio-util", "0.7.1"),
        pair("arrayvec", "0.5.0"),
        pair("arrayvec", "0.7.0"),
    ]);
    assert_eq!(
        found,
        ["Cargo.lock: arrow-array is there in versions 59.3.0 and 60.0.0"]
    );

    let git = serde_json::json!({"name": "x", "source": "git+https://example.com/x"});
    assert_eq!(from_git(&[git]).len(), 1);
}
