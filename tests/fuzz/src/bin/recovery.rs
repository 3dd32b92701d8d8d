//! **Job:** a start on a data file that was changed.
//! **Owns:** the program around the target.
//! **Never:** says what must hold: the target does.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| doorbuster::fuzzing::recovery(input));
