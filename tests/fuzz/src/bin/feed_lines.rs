//! **Job:** lines of a feed that nobody wrote, and the inventory's books.
//! **Owns:** the program around the target.
//! **Never:** says what must hold: the target does.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| doorbuster::fuzzing::feed_lines(input));
