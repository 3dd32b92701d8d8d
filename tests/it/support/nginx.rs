//! **Job:** a real nginx in front of a server: with the very block that the manual recommends, or with a bad one.
//! **Owns:** its process and its files; both go with it.
//! **Never:** listens on a port that the machine's own nginx may have.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::lasting_port;

/// How long it may take to open.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How many ports to try: another process may take one between our look and its bind.
const PORT_TRIES: usize = 5;

/// A running nginx.
pub(crate) struct Nginx {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
}

impl Nginx {
    /// Starts it with these directives of `http`. `{listen}` in them is its address, `{dir}` its folder.
    ///
    /// # Panics
    /// If it is missing or does not start: `make prepare` installs it.
    pub(crate) fn start(http: &str) -> Self {
        Self::start_with(http, |_folder| ())
    }

    /// The same, its folder furnished first, with a certificate for example.
    pub(crate) fn start_with(http: &str, furnish: impl Fn(&Path)) -> Self {
        for _ in 0..PORT_TRIES {
            if let Some(nginx) = Self::try_start(http, &furnish) {
                return nginx;
            }
        }
        panic!("nginx did not start");
    }

    fn try_start(http: &str, furnish: &impl Fn(&Path)) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        furnish(directory.path());
        let address = SocketAddr::from(([127, 0, 0, 1], lasting_port()));
        let dir = directory.path().display().to_string();
        let own = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {dir}/{of};"));
        let http = http.replace("{listen}", &address.to_string()).replace("{dir}", &dir);
        let text = format!(
            "daemon off;\nmaster_process off;\npid {dir}/pid;\nerror_log {dir}/error.log;\n\
             events {{ worker_connections 4096; }}\nhttp {{\naccess_log {dir}/access.log;\n{}\n{http}\n}}\n",
            own.join("\n")
        );
        let file = directory.path().join("nginx.conf");
        std::fs::write(&file, text).expect("the temporary directory takes files");
        let said = File::create(directory.path().join("said")).expect("the temporary directory takes files");
        let mut command = Command::new("nginx");
        command.arg("-p").arg(directory.path()).arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(said).spawn().expect("nginx is installed: `make prepare` does it");
        let mut nginx = Self { child, address, directory };
        let begun = Instant::now();
        while begun.elapsed() < START_LIMIT {
            if nginx.child.try_wait().expect("a child can be asked").is_some() {
                let said = nginx.read("said");
                assert!(said.contains("Address already in use"), "nginx did not start:\n{said}");
                return None;
            }
            if TcpStream::connect(address).is_ok() {
                return Some(nginx);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("nginx does not listen after {START_LIMIT:?}");
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A file of its folder: `access.log`, `error.log`.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
