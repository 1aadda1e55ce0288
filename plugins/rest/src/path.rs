//! Places in a document, as the config writes them.

/// The JSON pointer of a path: what begins with `/` is one, and `user.login` is `/user/login`. An empty path is the whole.
pub(crate) fn pointer(path: &str) -> String {
    if path.is_empty() || path.starts_with('/') {
        return path.to_owned();
    }
    path.split('.').map(step).collect()
}

/// A key as a step of a JSON pointer.
pub(crate) fn step(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A step's key.
pub(crate) fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_and_pointers_lead_to_the_same_place() {
        assert_eq!(pointer("user.login"), "/user/login");
        assert_eq!(pointer("/user/login"), "/user/login");
        assert_eq!(pointer("items.0.a/b~c"), "/items/0/a~1b~0c");
        assert_eq!(pointer(""), "");
        assert_eq!(step("a.b"), "/a.b");
        assert_eq!(unescaped("a~1b~01"), "a/b~1");
    }
}
