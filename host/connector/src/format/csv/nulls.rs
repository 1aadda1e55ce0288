//! The texts that stand for no value.

/// The texts that stand for no value.
#[derive(Debug, Clone)]
pub(super) struct Nulls {
    markers: Vec<String>,
    longest: usize,
}

impl Nulls {
    pub(super) fn new(markers: &[String]) -> Self {
        Self {
            markers: markers.to_vec(),
            longest: markers.iter().map(String::len).max().unwrap_or(0),
        }
    }

    /// The text, or none where it stands for no value. An empty text is a value of a text column, unless listed.
    pub(super) fn value<'a>(&self, text: &'a str, text_column: bool) -> Option<&'a str> {
        let none = (text.is_empty() && !text_column)
            || (text.len() <= self.longest && self.markers.iter().any(|marker| marker == text));
        if none { None } else { Some(text) }
    }
}
