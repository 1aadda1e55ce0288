//! What a YAML parser stopped at, in words for whoever wrote the file.

use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;

/// An error's code, message and way out.
pub(super) fn explain(error: &Error) -> (&'static str, String, String) {
    match error.without_snippet() {
        Error::Budget { breach, .. } => too_large(match breach {
            BudgetBreach::Depth { .. } => "it nests too deep",
            BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. } => "it has too many aliases",
            _ => "it comes to too many values",
        }),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => too_large("its aliases come to too many values"),
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("?");
            (
                "schema.duplicate_key",
                format!("the key `{key}` stands here twice"),
                "keep one of the two".into(),
            )
        }
        Error::MultipleDocuments { .. } => (
            "schema.invalid_yaml",
            "the file holds a second document".into(),
            "a file holds one document: move what follows `---` to a file of its own".into(),
        ),
        Error::UnknownAnchor { .. } => (
            "schema.invalid_yaml",
            "the alias names an anchor that is not in the file".into(),
            "declare it with `&` before it is used with `*`; to begin a text with `*`, put it in quotes"
                .into(),
        ),
        other => {
            let message = other.to_string();
            let first = message.lines().next().unwrap_or("not YAML");
            let words = first.split(" at line ").next().unwrap_or(first);
            // The parser's own bound, met before the budget's.
            if words.contains("recursion limit") || words.contains("budget breached") {
                return too_large("it nests too deep, or its aliases come to too many values");
            }
            (
                "schema.invalid_yaml",
                format!("this is not YAML: {words}"),
                way_out(words).into(),
            )
        }
    }
}

fn too_large(what: &str) -> (&'static str, String, String) {
    let hint = "no schema needs so much; write out what aliases repeat, and keep data in data files";
    (
        "schema.too_complex",
        format!("the document is too large: {what}"),
        hint.into(),
    )
}

fn way_out(words: &str) -> &'static str {
    if words.contains("tab") {
        "indent with spaces; YAML takes no tabs there"
    } else if words.contains("mapping values are not allowed") {
        "put a text with `: ` in it in quotes, or look at the indentation"
    } else {
        "look at the lines before it: a bracket or quote may be open, or the indentation off"
    }
}
