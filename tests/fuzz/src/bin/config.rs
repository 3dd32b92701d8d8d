//! **Job:** a configuration: file, environment and flags.
//! **Owns:** the program around the target.
//! **Never:** says what must hold: the target does.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| doorbuster::fuzzing::config(input));
