//! **Job:** lines of the ledger, and the state they lead to.
//! **Owns:** the program around the target.
//! **Never:** says what must hold: the target does.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| doorbuster::fuzzing::ledger_fold(input));
