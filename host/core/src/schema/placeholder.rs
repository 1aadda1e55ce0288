//! `{NAME}` in the SQL of an asset: another asset.

use crate::plan::AssetName;

/// The assets that a query names, each once, in the order in which it names them first. What stands in braces and cannot be
/// an asset's name is the query's own.
pub(super) fn placeholders(sql: &str) -> Vec<AssetName> {
    let mut found: Vec<AssetName> = Vec::new();
    for (name, _) in split(sql) {
        if let Some(name) = name
            && !found.contains(&name)
        {
            found.push(name);
        }
    }
    found
}

/// A query with each asset written as `place` has it.
pub fn fill_placeholders(sql: &str, mut place: impl FnMut(&AssetName) -> String) -> String {
    let mut filled = String::new();
    for (name, text) in split(sql) {
        match name {
            Some(name) => filled.push_str(&place(&name)),
            None => filled.push_str(text),
        }
    }
    filled
}

/// A query in pieces: placeholders with their names, and what stands between them.
fn split(sql: &str) -> Vec<(Option<AssetName>, &str)> {
    let mut pieces = Vec::new();
    let mut rest = sql;
    let mut from = 0;
    while let Some(open) = rest[from..].find('{').map(|at| from + at) {
        // `{{ … }}` is a value of a step.
        if let Some(length) = rest[open..].strip_prefix("{{").and_then(|inner| inner.find("}}")) {
            from = open + length + 4;
            continue;
        }
        let name = rest[open + 1..]
            .find('}')
            .map(|length| &rest[open + 1..open + 1 + length])
            .and_then(|text| AssetName::try_from(text.to_owned()).ok());
        match name {
            Some(name) => {
                let end = open + name.as_str().len() + 2;
                pieces.push((None, &rest[..open]));
                pieces.push((Some(name), &rest[open..end]));
                rest = &rest[end..];
                from = 0;
            }
            None => from = open + 1,
        }
    }
    pieces.push((None, rest));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_are_named_in_braces_and_other_braces_stay() {
        let sql = "SELECT {'a': 1}, {x:Int8} FROM {orders} JOIN {people-2} USING (id) WHERE 1 IN (SELECT 1 FROM {orders})";
        let names: Vec<String> = placeholders(sql).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["orders", "people-2"]);
        assert_eq!(
            fill_placeholders("a {b} {C} {d", |name| format!("`{name}`")),
            "a `b` {C} {d"
        );
        assert_eq!(
            placeholders("SELECT {{item}} FROM {a} WHERE {{ x }} = {{"),
            placeholders("{a}")
        );
    }
}
