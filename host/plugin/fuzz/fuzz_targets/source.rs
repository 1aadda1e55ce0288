//! A source's schema and a chunk of it: refused, or true.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tidegate_plugin::fuzzing::source(bytes);
});
