//! The pointers of the config as one tree, so that a document is gone through once for all of them.

/// The most steps of a pointer: serde_json reads documents 128 deep.
const MAX_STEPS: usize = 100;

/// A place in a document that pointers lead to or through.
#[derive(Debug, Default)]
pub struct Tree {
    /// The columns (by their place) whose value stands here, but for those that take its text.
    pub values: Vec<usize>,
    /// The columns that take the text that stands here.
    pub texts: Vec<usize>,
    /// The places below, by key or index.
    pub below: Vec<Step>,
}

/// A step down.
#[derive(Debug)]
pub struct Step {
    /// The key in an object.
    pub key: String,
    /// The index in an array, where the key is one.
    pub index: Option<usize>,
    /// What stands there.
    pub tree: Tree,
}

impl Tree {
    /// Adds a column's pointer; an error says what is wrong with it.
    pub fn add(&mut self, pointer: &str, column: usize, takes_text: bool) -> Result<(), String> {
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(format!(
                "`{pointer}` is not a JSON pointer: it must be empty or begin with `/`"
            ));
        }
        if pointer.split('/').count() > MAX_STEPS {
            return Err(format!("has more than {MAX_STEPS} steps"));
        }
        let mut tree = self;
        for step in pointer.split('/').skip(1) {
            let key = unescaped(step).ok_or_else(|| {
                format!("`{pointer}` is not a JSON pointer: `~` is written `~0`, and `/` in a key `~1`")
            })?;
            let place = tree
                .below
                .iter()
                .position(|step| step.key == key)
                .unwrap_or_else(|| {
                    let index = array_index(&key);
                    let tree_below = Tree::default();
                    tree.below.push(Step {
                        key,
                        index,
                        tree: tree_below,
                    });
                    tree.below.len() - 1
                });
            tree = &mut tree.below[place].tree;
        }
        if takes_text {
            tree.texts.push(column);
        } else {
            tree.values.push(column);
        }
        Ok(())
    }
}

/// A step's key (RFC 6901, 4).
fn unescaped(step: &str) -> Option<String> {
    let mut parts = step.split('~');
    let mut key = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (first, rest) = (part.chars().next()?, part.get(1..)?);
        match first {
            '0' => key.push('~'),
            '1' => key.push('/'),
            _ => return None,
        }
        key.push_str(rest);
    }
    Some(key)
}

/// An index has no leading zeros (RFC 6901, 4).
fn array_index(key: &str) -> Option<usize> {
    let digits = key.bytes().all(|byte| byte.is_ascii_digit());
    let plain = key == "0" || !key.starts_with('0');
    (digits && plain).then(|| key.parse().ok()).flatten()
}
