//! **Job:** checks whether the server can listen where it should.
//! **Owns:** what it means that somebody else listens there already.
//! **Never:** keeps an address for longer than the look takes.

use std::io::{Error, ErrorKind};
use std::net::{SocketAddr, TcpListener};

use super::finding::Finding;
use super::listener::{self, Program};
use crate::config::Config;

/// How the system calls this program (`/proc/PID/comm`).
const OURS: &str = "doorbuster";

/// Who may hold a socket for a service that does not run yet.
const HOLDER: &str = "systemd";

pub(super) fn findings(config: &Config, is_running: bool) -> Vec<Finding> {
    // Whether a Unix socket can be made, a start finds out: its folder is the service's own.
    let listeners =
        [("server.listen", Some(config.server.listen)), ("server.ops_listen", config.server.ops_listen.tcp())];
    let given = listeners.into_iter().filter_map(|(key, address)| Some((key, address?)));
    given.map(|(key, address)| judge(key, address, &look(address), is_running)).collect()
}

/// What became of an attempt to listen.
#[derive(Debug)]
enum Port {
    Free,
    /// By these programs, if that can be seen.
    Taken(Vec<Program>),
    Refused(Error),
}

fn look(address: SocketAddr) -> Port {
    match TcpListener::bind(address) {
        Ok(_closed_at_once) => Port::Free,
        Err(error) if error.kind() == ErrorKind::AddrInUse => Port::Taken(listener::on(address)),
        Err(error) => Port::Refused(error),
    }
}

/// `is_running`: somebody has the data file open.
fn judge(key: &'static str, address: SocketAddr, port: &Port, is_running: bool) -> Finding {
    match port {
        Port::Free if address.port() == 0 => Finding::ok(key, format!("{address}: the system picks a port")),
        Port::Free => Finding::ok(key, format!("{address} is free")),
        Port::Taken(programs) => taken(key, address, programs, is_running),
        Port::Refused(error) => {
            let advice = if error.kind() == ErrorKind::PermissionDenied {
                "take a port from 1024 on, or give the service CAP_NET_BIND_SERVICE"
            } else {
                "take an address that this machine has: ip address"
            };
            Finding::fail(key, format!("cannot listen on {address}: {error}"), advice)
        }
    }
}

fn taken(key: &'static str, address: SocketAddr, programs: &[Program], is_running: bool) -> Finding {
    let ours = programs.iter().find(|program| program.name == OURS);
    match (ours, programs.first()) {
        (Some(program), _) if is_running => {
            Finding::ok(key, format!("the server runs and listens on {address} (process {})", program.pid))
        }
        (None, None) if is_running => {
            Finding::ok(key, format!("{address} is in use, and a server runs on the data file"))
        }
        (None, Some(program)) if program.name == HOLDER => Finding::warn(
            key,
            format!("{address} is held by {HOLDER}, for a service to come"),
            "look whether that is this server's: systemctl list-sockets",
        ),
        (Some(Program { name, pid }), _) | (None, Some(Program { name, pid })) => {
            let whose = if ours.is_some() { ", on another data file" } else { "" };
            let found = format!("{address} is taken by {name} (process {pid}){whose}: a start is refused");
            Finding::fail(key, found, format!("end that program, or set {key} to another address"))
        }
        (None, None) => {
            let advice = format!("ss -ltnp 'sport = :{}' (as root) names it; end it, or set {key}", address.port());
            Finding::fail(key, format!("{address} is taken by another program: a start is refused"), advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_port_may_be_taken_by_the_server_itself_only() {
        let address: SocketAddr = "127.0.0.1:8080".parse().expect("an address");
        let program = |name: &str| Program { name: name.to_owned(), pid: 7 };
        let by = |name: &str| Port::Taken(vec![program(name)]);
        let nobody = Port::Taken(Vec::new());
        let level = |port: &Port, is_running| judge("server.listen", address, port, is_running).level;
        assert_eq!(level(&Port::Free, false), Level::Ok);
        assert_eq!(level(&by("doorbuster"), true), Level::Ok);
        assert_eq!(level(&by("doorbuster"), false), Level::Fail, "it runs on another data file");
        assert_eq!(level(&by("nginx"), true), Level::Fail);
        assert_eq!([level(&nobody, true), level(&nobody, false)], [Level::Ok, Level::Fail]);
        assert_eq!(level(&by("systemd"), false), Level::Warn, "it may be ours");
        let handed_on = Port::Taken(vec![program("systemd"), program("doorbuster")]);
        assert_eq!([level(&handed_on, true), level(&handed_on, false)], [Level::Ok, Level::Fail]);
        assert_eq!(level(&Port::Refused(ErrorKind::PermissionDenied.into()), false), Level::Fail);
    }

    #[test]
    fn a_port_that_is_taken_is_seen_with_the_program_that_has_it() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let Port::Taken(programs) = look(taken.local_addr().expect("bound")) else { panic!("it is taken") };
        let own = i32::try_from(std::process::id()).expect("a process has a small number");
        assert_eq!(programs.iter().map(|program| program.pid).collect::<Vec<_>>(), [own]);
    }
}
