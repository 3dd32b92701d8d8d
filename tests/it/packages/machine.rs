//! **Job:** a machine without anything on it, in a folder: dpkg installs into it, its services are started by hand.
//! **Owns:** its files, as root of that machine sees them (fakeroot), and what systemd would give a service.
//! **Never:** needs root: mounts are in a namespace of the process that wants them.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::units::Unit;
use crate::support::{PassedSocket, ServiceManager, passing, send, text, wait};

/// Where dpkg and its helpers are; a user's own path may lack the last two.
const PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// Enters the tree with what a program needs of the system, and becomes it: `$1` tree, `$2` the folder of the
/// notification socket, `$3` the working directory, then the command.
const ENTER: &str = r#"
set -e
tree=$1 notify=$2 home=$3
shift 3
for folder in /lib /lib64 /proc /dev "$notify"; do
    mkdir -p "$tree$folder"
    mount --rbind "$folder" "$tree$folder"
done
exec unshare --root="$tree" --wd="$home" "$@"
"#;

pub(super) struct Machine {
    folder: TempDir,
}

impl Machine {
    pub(super) fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().expect("a temporary directory") };
        for folder in ["info", "updates"] {
            fs::create_dir_all(machine.path(&format!("/var/lib/dpkg/{folder}"))).expect("an own folder");
        }
        machine.write("/var/lib/dpkg/status", "");
        machine
    }

    fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// Where a file of the machine really is.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.tree().join(path.trim_start_matches('/'))
    }

    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("an own folder");
        fs::write(path, text).expect("an own file");
    }

    pub(super) fn unit(&self, name: &str) -> Unit {
        Unit::parse(&self.read(&format!("/usr/lib/systemd/system/{name}")))
    }

    /// As root of this machine: owners are remembered, not given.
    fn as_root(&self, program: &str, arguments: &[&str]) -> Output {
        let owners = self.folder.path().join("owners");
        let mut command = Command::new("fakeroot");
        if owners.exists() {
            command.arg("-i").arg(&owners);
        }
        command.arg("-s").arg(&owners).arg(program).args(arguments);
        command.env("PATH", PATH).env("FAKEROOTDONTTRYCHOWN", "1").env("LC_ALL", "C").stdin(Stdio::null());
        let output = command.output().expect("fakeroot is installed by `make prepare`");
        assert!(output.status.success(), "{program} {arguments:?}:\n{}", text(&output));
        output
    }

    /// Runs dpkg on it. A file of configuration that both have changed stays the operator's.
    pub(super) fn dpkg(&self, arguments: &[&str]) {
        let root = format!("--root={}", self.tree().display());
        // There is no other package here to depend on, and no shell to run scripts with.
        let force = "--force-script-chrootless,depends,confold";
        self.as_root("dpkg", &[&[&root, force], arguments].concat());
    }

    /// Mode, owner and group of a file, as numbers.
    pub(super) fn access(&self, path: &str) -> String {
        let path = self.path(path);
        let output = self.as_root("stat", &["--format=%a %u %g", path.to_str().expect("text")]);
        text(&output).trim().to_owned()
    }

    /// The numbers of a user and their group.
    pub(super) fn user(&self, name: &str) -> [String; 2] {
        let users = self.read("/etc/passwd");
        let line = users.lines().find(|line| line.starts_with(&format!("{name}:"))).expect("the user is there");
        let fields: Vec<_> = line.split(':').collect();
        [fields[2].to_owned(), fields[3].to_owned()]
    }

    /// All files but the lists of packages and users, which are the machine's own.
    pub(super) fn files(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        collect(&self.tree(), &mut found);
        let (packages, etc) = (self.path("/var/lib/dpkg"), self.path("/etc"));
        found.retain(|path| !path.starts_with(&packages) && path.parent() != Some(&etc));
        found
    }

    /// A service whose sockets are open from now on, each at a port of its own.
    pub(super) fn service(&self, unit: &str, sockets: &[&str]) -> Service<'_> {
        let open = |name: &&str| {
            let name = self.unit(name).value("FileDescriptorName");
            let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = socket.local_addr().expect("bound");
            (address, PassedSocket::new(&name, socket))
        };
        Service { machine: self, unit: self.unit(unit), sockets: sockets.iter().map(open).collect() }
    }
}

fn collect(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.insert(path);
        }
    }
}

/// A service of a machine, started as its unit says.
pub(super) struct Service<'a> {
    machine: &'a Machine,
    unit: Unit,
    sockets: Vec<(SocketAddr, PassedSocket)>,
}

impl Service<'_> {
    /// Where its sockets are.
    pub(super) fn addresses<const N: usize>(&self) -> [SocketAddr; N] {
        let addresses: Vec<_> = self.sockets.iter().map(|(address, _)| *address).collect();
        addresses.try_into().expect("as many as it has sockets")
    }

    /// The line of `ExecStart=`, with the environment that systemd gives it and nothing else.
    fn command(&self, manager: &ServiceManager) -> Command {
        let home = self.unit.value("WorkingDirectory");
        // A twentieth of what the unit grants, so that the test need not wait long for the first word.
        let seconds: u64 = self.unit.value("WatchdogSec").trim_end_matches('s').parse().expect("seconds");
        let watchdog = Duration::from_secs(seconds) / 20;
        let notify = Path::new(manager.path()).parent().expect("a folder");
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", ENTER, "sh"]);
        command.arg(self.machine.tree()).arg(notify).arg(&home).args(self.unit.value("ExecStart").split(' '));
        let sockets: Vec<_> = self.sockets.iter().map(|(_, socket)| socket.clone()).collect();
        // What it prints is its log too, as systemd has it.
        let mut command = passing(&command, &sockets, "/dev/stderr");
        command.env_clear().env("PATH", PATH).env("HOME", &home).env("USER", self.unit.value("User"));
        command.env("NOTIFY_SOCKET", manager.path()).env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        command
    }

    /// Starts it, and waits until it ends by itself.
    pub(super) fn run_to_its_end(&self, manager: &ServiceManager) -> Output {
        let child = self.command(manager).stderr(Stdio::piped()).spawn().expect("unshare is part of every Debian");
        child.wait_with_output().expect("it ends")
    }

    pub(super) fn start(&self, manager: &ServiceManager) -> Running {
        let log = tempfile::tempfile().expect("a temporary file");
        Running { child: self.command(manager).stderr(log).spawn().expect("unshare is part of every Debian") }
    }
}

/// A started service; it ends with the test.
pub(super) struct Running {
    child: Child,
}

impl Running {
    /// As `systemctl stop` does.
    pub(super) fn terminate(&mut self) -> ExitStatus {
        send(self.child.id(), "TERM");
        wait(&mut self.child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
