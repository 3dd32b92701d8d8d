//! **Job:** runs a test of this binary a second time, as a process of its own, because its body ends the process.
//! **Owns:** how a child is started, and how long it may live.
//! **Never:** runs two tests in one child.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use super::PATIENCE;

/// The signal of `abort` (signal(7)).
pub const SIGNAL_ABORT: i32 = 6;

/// Whether this process is such a child: the test then plays its other part.
pub fn is_child() -> bool {
    std::env::var_os("FOLDER").is_some()
}

/// Runs a child's part to its end.
pub fn on_this_thread(part: impl Future<Output = ()>) {
    actix::System::new().block_on(part);
}

/// Runs the test `name` of this binary in a process of its own, with `FOLDER` and these variables set.
pub fn run_as_child(name: &str, folder: &Path, variables: &[(&str, &Path)]) -> Output {
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
    child.wait_with_output().expect("it has ended")
}
