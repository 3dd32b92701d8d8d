//! **Job:** bytes of a connection, cut into requests by us and read by the HTTP library.
//! **Owns:** the program around the target.
//! **Never:** says what must hold: the target does.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| doorbuster::fuzzing::http_head(input));
