//! Near misses: what the user may have meant.

/// The known word closest to what was written, or none that is close.
pub fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(written, word), word))
        // A third of the letters wrong is a typo, more is another word.
        .filter(|(distance, word)| *distance <= 1.max(word.chars().count().max(written.chars().count()) / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_typo_is_recognised_and_another_word_is_not() {
        let known = ["owners", "source", "transforms"];
        assert_eq!(closest("ownners", known), Some("owners"));
        assert_eq!(closest("transfroms", known), Some("transforms"));
        assert_eq!(closest("zebra", known), None);
    }
}
