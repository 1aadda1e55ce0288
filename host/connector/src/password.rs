//! Passwords in a resource's config: references, never the words themselves.

use tidegate_core::{Error, Kind, Place};

/// What is wrong with a password as YAML has it: documents are committed, and tasks are kept in the state.
pub(crate) fn written_out(pointer: &str, password: Option<&str>) -> Option<Error> {
    let text = password?;
    if text.starts_with("${secret:") && text.ends_with('}') {
        return None;
    }
    let error = Error::new(
        Kind::Schema,
        "schema.invalid_value",
        "a password may not be written out",
    );
    Some(
        error
            .at(Place::Pointer(pointer.to_owned()))
            .hint("write `${secret:NAME}`; its value is the variable TIDEGATE_SECRET_NAME"),
    )
}
