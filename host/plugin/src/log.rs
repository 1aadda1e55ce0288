//! What guests say, fit to be shown.

/// Terminal control sequences in a guest's text would act on the reader's terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\t' { ' ' } else { c })
        .collect()
}
