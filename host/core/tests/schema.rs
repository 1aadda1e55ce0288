//! Folders of YAML and what a person is told about them. `UPDATE_EXPECT=1` writes `expected.txt` anew; read what it
//! says before you commit it.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::fmt::Write;
use std::path::Path;

use tidegate_core::error::Errors;
use tidegate_core::schema::{LoadedProject, MAX_DOCUMENT_BYTES, load_project};

/// What a folder comes to: its errors as a terminal shows them, or what was loaded.
fn outcome(loaded: Result<LoadedProject, Errors>) -> String {
    match loaded {
        Ok(project) => {
            let mut text = format!(
                "{:#?}\n{:#?}\n{:#?}\n",
                project.project.value,
                values(&project.resources),
                values(&project.assets)
            );
            if !project.jobs.is_empty() {
                let (jobs, schedules) = (values(&project.jobs), values(&project.schedules));
                let sensors = values(&project.sensors);
                writeln!(text, "{jobs:#?}\n{schedules:#?}\n{sensors:#?}").unwrap();
            }
            if !project.notifications.is_empty() {
                writeln!(text, "{:#?}", values(&project.notifications)).unwrap();
            }
            text
        }
        Err(errors) => errors.0.iter().fold(String::new(), |mut text, error| {
            let gap = if text.is_empty() { "" } else { "\n" };
            writeln!(text, "{gap}{}", error.render()).unwrap();
            text
        }),
    }
}

fn values<K, T>(map: &std::collections::BTreeMap<K, tidegate_core::schema::Placed<T>>) -> Vec<&T> {
    map.values().map(|placed| &placed.value).collect()
}

#[test]
fn every_case_reads_as_expected() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut cases: Vec<_> = std::fs::read_dir("tests/schema/cases")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    let mut wrong = Vec::new();
    for case in &cases {
        let found = outcome(load_project(case));
        let file = case.join("expected.txt");
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if update {
            std::fs::write(&file, &found).unwrap();
        } else if found != expected {
            wrong.push(format!(
                "{}\n--- expected\n{expected}\n--- found\n{found}",
                case.display()
            ));
        }
    }
    assert!(cases.len() >= 30, "{} cases", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A folder made for a test, in place of one that would fill the repository.
fn told(files: &[(&str, &[u8])]) -> Errors {
    let folder = std::env::temp_dir().join(format!("tidegate-{}-{}", std::process::id(), files[0].0));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let errors = load_project(&folder).err();
    std::fs::remove_dir_all(&folder).unwrap();
    errors.unwrap()
}

fn codes(errors: &Errors) -> Vec<&str> {
    errors.0.iter().map(|error| error.code.as_str()).collect()
}

#[test]
fn a_file_of_ten_megabytes_is_not_read() {
    let errors = told(&[("large.yaml", &vec![b'#'; 10 << 20])]);
    assert_eq!(codes(&errors), ["schema.too_large"]);
    let message = &errors.0[0].message;
    assert!(
        message.contains("10485760") && message.contains("1048576"),
        "{message}"
    );
}

#[test]
fn a_large_file_of_errors_is_told_in_a_hundred() {
    let mut text = String::from("apiVersion: tidegate/v1\nkind: Asset\nname: a\ncolumns:\n");
    while text.len() < (MAX_DOCUMENT_BYTES / 16) as usize {
        text.push_str("  - {nam: x}\n");
    }
    let errors = told(&[("wrong.yaml", text.as_bytes())]);
    assert!((50..=100).contains(&errors.0.len()), "{} errors", errors.0.len());
}

#[test]
fn deep_nesting_does_not_fill_the_stack() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let text = format!("x: {}1{}", open.repeat(100_000), close.repeat(100_000));
        let errors = told(&[("deep.yaml", text.as_bytes())]);
        assert_eq!(
            codes(&errors),
            ["schema.too_complex"],
            "{:?}",
            errors.0[0].message
        );
    }
    let mut text = String::new();
    for depth in 0..1_000 {
        writeln!(text, "{}a:", " ".repeat(depth)).unwrap();
    }
    let errors = told(&[("indented.yaml", text.as_bytes())]);
    assert_eq!(codes(&errors), ["schema.too_complex"]);
    // Nesting by reference: no line is deep, what they come to is.
    let mut text = String::from("a0: &a0 [x]\n");
    for level in 1..400 {
        writeln!(text, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    let errors = told(&[("chain.yaml", text.as_bytes())]);
    assert_eq!(codes(&errors), ["schema.too_complex"]);
}

#[test]
fn a_link_in_a_circle_ends() {
    let folder = std::env::temp_dir().join(format!("tidegate-{}-circle", std::process::id()));
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    std::os::unix::fs::symlink(&folder, folder.join("assets/again")).unwrap();
    let errors = load_project(&folder).unwrap_err();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(codes(&errors), ["schema.no_project"]);
}

#[test]
fn a_folder_that_is_not_there_is_said_to_be_missing() {
    let errors = load_project(Path::new("no/such/folder")).unwrap_err();
    assert_eq!(codes(&errors), ["schema.unreadable"]);
    assert!(
        errors.0[0]
            .hint
            .as_ref()
            .is_some_and(|hint| hint.contains("--project"))
    );
}

#[test]
fn the_example_project_loads() {
    let project = load_project(Path::new("../../schemas")).unwrap();
    assert!(project.assets.len() >= 6, "{} assets", project.assets.len());
}
