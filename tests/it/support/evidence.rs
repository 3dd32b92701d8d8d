//! **Job:** data files as they are left behind: damaged, looked at, compared before and after.
//! **Owns:** what counts as "unchanged": names, modes, times and bytes.
//! **Never:** opens a data file with SQLite.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file as it is: name, mode, time of its last change, content.
pub(crate) type Seen = (OsString, u32, (i64, i64), Vec<u8>);

/// Everything in a folder.
pub(crate) fn everything_in(folder: &Path) -> Vec<Seen> {
    let see = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("a readable folder").path();
        let found = fs::metadata(&path).expect("it is there");
        let bytes = if found.is_file() { fs::read(&path).expect("readable") } else { Vec::new() };
        let name = path.file_name().expect("it has a name").to_owned();
        (name, found.mode(), (found.mtime(), found.mtime_nsec()), bytes)
    };
    let mut all: Vec<_> = fs::read_dir(folder).expect("a readable folder").map(see).collect();
    all.sort();
    all
}

/// The file beside a data file.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Flips one bit of a file.
pub(crate) fn flip(path: &Path, byte: usize, bit: u8) {
    let mut bytes = fs::read(path).expect("it is there");
    bytes[byte] ^= 1 << bit;
    fs::write(path, bytes).expect("our own file");
}

/// Runs the binary on files: `arguments`, then each option with its file.
pub(crate) fn doorbuster(arguments: &[&str], files: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    command.args(arguments);
    for (option, file) in files {
        command.arg(option).arg(file);
    }
    command.output().expect("the binary runs")
}

/// All that a command wrote.
pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}
