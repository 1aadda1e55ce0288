//! Names of artifacts.

/// Whether a name, or the start of one, is a relative path that stays below its root on every system.
pub(super) fn is_safe(name: &str) -> bool {
    let safe = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
    name.split('/').all(safe)
}
