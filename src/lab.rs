//! **Job:** instruments that look at a sale from outside.
//! **Owns:** the read-only way into a data file, and the crowd of a load test.
//! **Never:** knows the server's insides: only the wire and the file.

pub mod backup;
pub mod bench;
pub mod calibrate;
mod data_file;
pub mod demo;
mod draft;
pub mod export;
pub mod house;
mod mark;
pub mod salvage;
pub mod top;
pub mod verify;

pub use data_file::DataFileError;
pub use draft::DraftError;
