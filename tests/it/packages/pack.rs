//! **Job:** packs a program as `make deb` and `make dist` do, but one that is there already.
//! **Owns:** the folder that stands in for `target/`.
//! **Never:** compiles anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::text;

/// What `make prepare` installs; another version there is another one here.
const CARGO_DEB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/cargo-deb-3.8.0/bin/cargo-deb");

/// The moment that is written into packages.
const PACKED_AT: &str = "1795867200";

/// Runs a program at the top of the workspace.
pub(super) fn run(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env("SOURCE_DATE_EPOCH", PACKED_AT);
    command.output().unwrap_or_else(|error| panic!("{program}: {error}; `make prepare` installs it"))
}

fn succeed(program: &str, arguments: &[&str]) {
    let output = run(program, arguments);
    assert!(output.status.success(), "{program} {arguments:?}:\n{}", text(&output));
}

fn name(path: &Path) -> &str {
    path.to_str().expect("temporary paths are text")
}

/// The program that is tested.
pub(super) const TESTED: &str = env!("CARGO_BIN_EXE_doorbuster");

/// A program with all that is packed beside it.
pub(super) struct Stage {
    target: PathBuf,
}

impl Stage {
    /// `program` is packed, without the symbols that it has in the dev profile.
    pub(super) fn new(folder: &Path, program: &str, version: &str) -> Self {
        let target = folder.join("target");
        fs::create_dir_all(target.join("release")).expect("an own folder");
        succeed("strip", &["-o", name(&target.join("release/doorbuster")), program]);
        succeed("deploy/stage.sh", &[TESTED, name(&target.join("release/package")), version]);
        Self { target }
    }

    /// A file that was made for the package.
    pub(super) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.target.join("release/package").join(file)).expect("it was staged")
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        fs::write(self.target.join("release/package").join(file), text).expect("an own folder");
    }

    /// A Debian package of this version.
    pub(super) fn deb(&self, version: &str) -> PathBuf {
        let package = self.target.join(format!("{version}.deb"));
        let options = ["--no-build", "--no-strip", "--fast", "--locked", "--offline", "--deb-version", version];
        let mut command = Command::new(CARGO_DEB);
        command.args(options).arg("--output").arg(&package).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("CARGO_TARGET_DIR", &self.target).env("SOURCE_DATE_EPOCH", PACKED_AT);
        let output = command.output().expect("`make prepare` installs cargo-deb");
        assert!(output.status.success(), "{}", text(&output));
        assert!(!text(&output).contains("warning"), "{}", text(&output));
        package
    }

    /// A tarball of this version.
    pub(super) fn tarball(&self, version: &str, folder: &Path) -> PathBuf {
        let release = self.target.join("release");
        let [program, staged] = ["doorbuster", "package"].map(|name| release.join(name));
        succeed("deploy/tarball.sh", &[name(&program), name(&staged), version, name(folder)]);
        let packed = fs::read_dir(folder).expect("it was made").map(|entry| entry.expect("readable").path());
        packed.into_iter().find(|path| path.extension().is_some_and(|end| end == "gz")).expect("a tarball")
    }
}
