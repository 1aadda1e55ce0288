//! The document in the repository is what is served.

use std::path::Path;

#[test]
fn the_document_in_the_repository_is_what_is_served() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let mut served = serde_json::to_string_pretty(&tidegate_api::document()).expect("a document");
    served.push('\n');
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&place, &served).expect("a file");
    }
    let kept = std::fs::read_to_string(&place).unwrap_or_default();
    assert!(
        kept == served,
        "UPDATE_EXPECT=1 cargo test -p tidegate-api --test openapi rewrites docs/openapi.json"
    );
}
