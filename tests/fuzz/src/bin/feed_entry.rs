//! **Job:** an entry of the feed, written by the server and read by the inventory.
//! **Owns:** the program around the target.
//! **Never:** says what must hold: the target does.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| doorbuster::fuzzing::feed_entry(input));
