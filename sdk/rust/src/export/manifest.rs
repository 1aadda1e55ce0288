//! The plugin's manifest: what the crate says of itself, in a custom section of the component.

/// Stops the build where a text of the crate's manifest would break the plugin's.
pub const fn plain(text: &str) {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        assert!(
            bytes[index] >= b' ' && bytes[index] != b'"' && bytes[index] != b'\\',
            "the crate's description, license and authors must have no quotes, backslashes or line ends"
        );
        index += 1;
    }
}

/// The manifest as the bytes of a custom section.
pub const fn section<const N: usize>(text: &str) -> [u8; N] {
    let bytes = text.as_bytes();
    let mut section = [0; N];
    let mut index = 0;
    while index < N {
        section[index] = bytes[index];
        index += 1;
    }
    section
}

/// Puts the manifest (name, version, description, licence and authors of the crate that calls it, and its roles) into the
/// component.
#[doc(hidden)]
#[macro_export]
macro_rules! manifest {
    ($first:ident $(, $role:ident)*) => {
        const MANIFEST: &str = concat!(
            "{\"name\":\"",
            env!("CARGO_PKG_NAME"),
            "\",\"version\":\"",
            env!("CARGO_PKG_VERSION"),
            "\",\"description\":\"",
            env!("CARGO_PKG_DESCRIPTION"),
            "\",\"license\":\"",
            env!("CARGO_PKG_LICENSE"),
            "\",\"authors\":\"",
            env!("CARGO_PKG_AUTHORS"),
            "\",\"roles\":[\"",
            stringify!($first),
            $("\",\"", stringify!($role),)*
            "\"],\"contract\":\"0.1.0\"}"
        );

        const _: () = {
            $crate::export::manifest::plain(env!("CARGO_PKG_DESCRIPTION"));
            $crate::export::manifest::plain(env!("CARGO_PKG_LICENSE"));
            $crate::export::manifest::plain(env!("CARGO_PKG_AUTHORS"));
        };

        #[used]
        #[unsafe(link_section = "tidegate:manifest")]
        static SECTION: [u8; MANIFEST.len()] = $crate::export::manifest::section(MANIFEST);
    };
}
