//! **Job:** a place for the programs in `bin/`, one a fuzz target; the targets themselves are in `targets/`.
//! **Owns:** nothing.
//! **Never:** is built for anybody who does not fuzz.
