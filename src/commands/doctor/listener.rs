//! **Job:** finds out which program listens on an address.
//! **Owns:** the way from an address to a process.
//! **Never:** fails: a program of another user is one without a name.

use std::net::SocketAddr;

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process, all_processes};

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) pid: i32,
}

/// Who listens there, or on all addresses with that port; nobody if that cannot be seen. A socket may have been handed
/// on, and is then of several.
pub(super) fn on(address: SocketAddr) -> Vec<Program> {
    let sockets = [procfs::net::tcp(), procfs::net::tcp6()].into_iter().flatten().flatten();
    let inodes: Vec<_> = sockets
        .filter(|socket| socket.state == TcpState::Listen && is_meant(socket.local_address, address))
        .map(|socket| socket.inode)
        .collect();
    let owners = all_processes().into_iter().flatten().flatten().filter(|process| has_one_of(process, &inodes));
    let named = owners.filter_map(|process| process.stat().ok());
    named.map(|stat| Program { name: stat.comm, pid: stat.pid }).collect()
}

fn is_meant(listens: SocketAddr, wanted: SocketAddr) -> bool {
    let (one, other) = (listens.ip().to_canonical(), wanted.ip().to_canonical());
    let is_same = one == other || one.is_unspecified() || other.is_unspecified();
    listens.port() == wanted.port() && is_same
}

fn has_one_of(process: &Process, inodes: &[u64]) -> bool {
    let Ok(files) = process.fd() else { return false };
    files.flatten().any(|file| matches!(file.target, FDTarget::Socket(inode) if inodes.contains(&inode)))
}
