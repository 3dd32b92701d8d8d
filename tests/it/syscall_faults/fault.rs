//! **Job:** what can go wrong with a call, and how it is made to.
//! **Owns:** the words for strace and for the shim.
//! **Never:** runs anything.

use std::fmt;

use super::calls::{CHANGING, Call};

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fault {
    /// The process is killed as it makes the call, which does not happen.
    Kill,
    /// It fails with an I/O error, and all goes well again.
    EioOnce,
    /// The disk dies: it and every call that changes something fail from then on.
    EioForEver,
    /// There is no room for it, and then there is.
    FullOnce,
    /// There is no room any more: it and every call that could need room fail from then on.
    FullForEver,
    /// A signal interrupts it.
    Interrupted,
    /// It takes two seconds.
    Slow,
    /// Half of a write goes out, and the call says so.
    Short,
    /// Half of a write goes out, and there is no room for the rest.
    ShortThenFull,
    /// A control: from then on nothing is written, although every call says that it was.
    Pretended,
}

/// The faults that strace injects into any call that changes something.
pub(crate) const OF_CHANGES: [Fault; 7] = [
    Fault::Kill,
    Fault::EioOnce,
    Fault::EioForEver,
    Fault::FullOnce,
    Fault::FullForEver,
    Fault::Interrupted,
    Fault::Slow,
];

/// The faults of the shim: strace can only pretend that a write was short, without writing anything.
pub(crate) const OF_WRITES: [Fault; 2] = [Fault::Short, Fault::ShortThenFull];

/// Of the changing calls, those that can need room. A sync or the removal of a name does not fail on a full disk.
const NEEDS_ROOM: [&str; 7] = ["openat", "pwrite64", "pwritev", "pwritev2", "ftruncate", "rename", "mkdir"];

impl Fault {
    /// Whether the process can go on as if nothing had been, once it is over.
    pub(crate) fn passes(self) -> bool {
        !matches!(self, Self::Kill | Self::EioForEver | Self::FullForEver | Self::Pretended)
    }

    /// What strace has to inject so that the fault strikes the call `at` this place of a thread with these `calls`.
    pub(crate) fn injections(self, calls: &[Call], at: usize) -> Vec<String> {
        let Call { name, nth, .. } = &calls[at];
        let once = |what: &str| vec![format!("inject={name}:{what}:when={nth}")];
        match self {
            Self::Kill => once("signal=KILL"),
            Self::EioOnce => once("error=EIO"),
            Self::FullOnce => once("error=ENOSPC"),
            Self::Interrupted => once("error=EINTR"),
            Self::Slow => once("delay_enter=2000000"),
            Self::EioForEver => from_here_on("error=EIO", &CHANGING, calls, at),
            Self::FullForEver => from_here_on("error=ENOSPC", &NEEDS_ROOM, calls, at),
            // Two bytes at a time divide all our writes: no caller is told of more than it asked for.
            Self::Pretended => from_here_on("retval=2", &["pwrite64"], calls, at),
            Self::Short | Self::ShortThenFull => panic!("{self:?} is the shim's"),
        }
    }

    /// The line in the shim's control file that strikes the nth write to a file with this end of its path.
    pub(crate) fn control(self, nth: usize, path_end: &str) -> String {
        let word = if self == Self::Short { "SHORT" } else { "CHOKE" };
        format!("{word} {nth} {path_end}")
    }
}

/// strace counts each name by itself.
fn from_here_on(what: &str, family: &[&str], calls: &[Call], at: usize) -> Vec<String> {
    let struck = &calls[at];
    let others = family.iter().filter(|name| **name != struck.name).map(|name| {
        let before = calls[..at].iter().filter(|call| call.name == *name).count();
        format!("inject={name}:{what}:when={}+", before + 1)
    });
    std::iter::once(format!("inject={}:{what}:when={}+", struck.name, struck.nth)).chain(others).collect()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "killed",
            Self::EioOnce => "EIO once",
            Self::EioForEver => "EIO for ever",
            Self::FullOnce => "ENOSPC once",
            Self::FullForEver => "ENOSPC for ever",
            Self::Interrupted => "EINTR",
            Self::Slow => "2 s late",
            Self::Short => "short write",
            Self::ShortThenFull => "short write, then ENOSPC",
            Self::Pretended => "pretended",
        })
    }
}

#[test]
fn a_disk_that_dies_fails_every_call_from_that_one_on() {
    let call = |name: &str, nth| Call { name: name.to_owned(), nth, file: None };
    let calls = [call("openat", 1), call("pwrite64", 1), call("pwrite64", 2), call("fsync", 1)];
    let injections = Fault::EioForEver.injections(&calls, 2);
    assert_eq!(injections[0], "inject=pwrite64:error=EIO:when=2+");
    for wanted in ["inject=openat:error=EIO:when=2+", "inject=fsync:error=EIO:when=1+"] {
        assert!(injections.contains(&wanted.to_owned()), "{injections:?}");
    }
    assert_eq!(injections.len(), CHANGING.len(), "each name once");
    assert_eq!(Fault::EioOnce.injections(&calls, 2), ["inject=pwrite64:error=EIO:when=2"]);
}
