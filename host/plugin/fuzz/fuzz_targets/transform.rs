//! A transform's shape and what it returns of a batch: refused, or true.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tidegate_plugin::fuzzing::transform(bytes);
});
