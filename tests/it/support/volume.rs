//! **Job:** file systems of a test's own: one on a disk that is a file, and a small one in memory.
//! **Owns:** what is mounted, and that it goes again.
//! **Never:** touches a file system that it has not made.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// A file system that is mounted.
pub(crate) struct Volume {
    folder: TempDir,
}

impl Volume {
    /// An ext4 in a file, which becomes read-only once it has an error. None where the machine does not let us: not
    /// root, no loop device.
    pub(crate) fn mount() -> Option<Self> {
        Self::made_by(
            "truncate -s 64M image && mkfs.ext4 -q image && mkdir mounted && mount -o loop,errors=remount-ro \
                       image mounted",
        )
    }

    /// One of so many bytes in memory. None where the machine does not let us.
    pub(crate) fn in_memory(bytes: usize) -> Option<Self> {
        Self::made_by(&format!("mkdir mounted && mount -t tmpfs -o size={bytes} tmpfs mounted"))
    }

    fn made_by(script: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let made = Command::new("sh").args(["-c", script]).current_dir(folder.path()).output().expect("a shell");
        if !made.status.success() {
            println!("skipped: only root can mount a file system: {}", String::from_utf8_lossy(&made.stderr));
            return None;
        }
        Some(Self { folder })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    /// Runs a program on the mounted folder; whether it says that all went well.
    pub(crate) fn run(&self, program: &[&str]) -> bool {
        let ended = Command::new(program[0]).args(&program[1..]).arg(self.path()).output();
        ended.is_ok_and(|ended| ended.status.success())
    }

    /// Has the kernel find an error in it, as on a disk that loses blocks. None where it cannot be asked.
    pub(crate) fn break_down(&self) -> Option<()> {
        let found = Command::new("findmnt").args(["-no", "SOURCE", "--mountpoint"]).arg(self.path()).output().ok()?;
        let source = String::from_utf8(found.stdout).ok()?;
        let device = source.trim().strip_prefix("/dev/").filter(|device| device.starts_with("loop"))?;
        // The error is what the write itself ends with.
        let asked = PathBuf::from(format!("/sys/fs/ext4/{device}/trigger_fs_error"));
        asked.exists().then(|| drop(std::fs::write(asked, "1")))
    }

    /// Repairs it, as its owner does after an error. Nobody may use it.
    pub(crate) fn repair(&self) {
        let script = "umount mounted && { e2fsck -fy image || [ $? -lt 4 ]; } && mount -o loop image mounted";
        let repaired = Command::new("sh").args(["-c", script]).current_dir(self.folder.path()).output();
        let repaired = repaired.expect("a shell");
        assert!(repaired.status.success(), "{}", String::from_utf8_lossy(&repaired.stderr));
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        assert!(self.run(&["umount", "-l"]) || std::thread::panicking(), "the volume stays mounted");
    }
}
