//! **Job:** runs a test of this binary a second time, as a process of its own, because its body ends the process.
//! **Owns:** how a child is started, and how long it may live.
//! **Never:** runs two tests in one child.

use std::any::type_name_of_val;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use super::PATIENCE;

/// Whether this process is such a child: the test then plays its other part.
pub(crate) fn is_child() -> bool {
    std::env::var_os("FOLDER").is_some()
}

/// Runs a child's part to its end.
pub(crate) fn on_this_thread(part: impl Future<Output = ()>) {
    actix::System::new().block_on(part);
}

/// Runs a test of this binary in a process of its own, with `FOLDER` and these variables set.
///
/// # Panics
/// If the child did not find the test: it would end well without having done anything.
pub(crate) fn run_as_child(test: impl Fn(), folder: &Path, variables: &[(&str, &Path)]) -> Output {
    // The test is named by itself, so that the name cannot be that of a test that has moved on.
    let path = type_name_of_val(&test);
    let (_binary, name) = path.split_once("::").expect("a function has a path");
    let program = std::env::current_exe().expect("a running test has a file");
    let mut command = Command::new(program);
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env("FOLDER", folder);
    command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the test binary can be started");
    let started = Instant::now();
    while child.try_wait().expect("a child can be waited for").is_none() {
        if started.elapsed() > PATIENCE {
            child.kill().expect("our own child");
            let output = child.wait_with_output().expect("it has ended");
            panic!("{name} hangs: {}", String::from_utf8_lossy(&output.stderr));
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let output = child.wait_with_output().expect("it has ended");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("running 1 test\n"), "the child knows no test {name}: {told}");
    output
}
