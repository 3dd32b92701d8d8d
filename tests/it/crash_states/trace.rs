//! **Job:** reads what strace recorded of a server: its writes, syncs and changes of names, and the bytes it answered.
//! **Owns:** the shape of strace's lines (`-f -yy -xx`): texts and paths in hexadecimal, calls that are cut in two.
//! **Never:** knows what the files are, or what was answered.

use std::collections::BTreeMap;

/// The calls to record: all by which a server can change a file, its name or what its client knows.
pub(crate) const CALLS: &str = "openat,close,write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,fsync,\
                         fdatasync,sync_file_range,unlink,unlinkat,rename,renameat,renameat2,link,linkat,sendto,\
                         sendmsg,sendfile,copy_file_range";

/// What a process did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    /// A file was opened that may not have been there (`created`), or cut to nothing (`emptied`).
    Open {
        fd: u32,
        path: String,
        created: bool,
        emptied: bool,
    },
    Close {
        fd: u32,
    },
    /// `offset` is absent where the position of the descriptor counts.
    Write {
        fd: u32,
        path: String,
        offset: Option<u64>,
        bytes: Vec<u8>,
    },
    Truncate {
        path: String,
        length: u64,
    },
    Sync {
        path: String,
    },
    Unlink {
        path: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Link {
        from: String,
        to: String,
    },
    /// Bytes to a peer; the connection is `local->remote`.
    Send {
        connection: String,
        bytes: Vec<u8>,
    },
    /// The process has ended, and its tracer with it.
    Ended {
        process: u32,
    },
    /// A call that changes files, and that no model here knows.
    Unknown {
        name: String,
        path: String,
    },
}

/// The calls of a trace in their order. A call counts where it returned, because until then nobody can rely on it; but
/// bytes for a peer count where the call began, because from then on they may have left.
pub(crate) fn parse(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Option<Call>> = Vec::new();
    let mut halves: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for line in trace.lines() {
        let Some((process, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if rest.starts_with("+++") {
            let process = process.parse().expect("every line of `strace -f` begins with a process");
            calls.push(Some(Call::Ended { process }));
        } else if let Some(half) = rest.strip_suffix("<unfinished ...>") {
            halves.insert(process, (half, calls.len()));
            calls.push(None);
        } else if rest.starts_with("<... ") {
            let (first, began) = halves.remove(process).expect("what is resumed was begun");
            let second = rest.split_once("resumed>").expect("the end of a call that was cut").1;
            let call = parse_call(&format!("{first}{second}"));
            match call {
                Some(Call::Send { .. }) => calls[began] = call,
                call => calls.push(call),
            }
        } else if !rest.starts_with("---") {
            calls.push(parse_call(rest));
        }
    }
    // The process was killed inside these: what it sent may have arrived.
    for (half, began) in halves.into_values() {
        calls[began] = parse_call(&format!("{half}) = ?"));
    }
    calls.into_iter().flatten().collect()
}

/// One whole call; `None` if it failed, never returned, or is of no interest.
fn parse_call(text: &str) -> Option<Call> {
    let (call, result) = text.rsplit_once(" = ")?;
    let (name, arguments) = call.trim_end().strip_suffix(')').unwrap_or(call).split_once('(')?;
    let result = result.trim();
    let digits = result.find(|character: char| !character.is_ascii_digit()).unwrap_or(result.len());
    // An error is negative. A call that never returned is a question mark: its process was killed.
    let is_cut = result.starts_with('?');
    let returned: usize = if is_cut { usize::MAX } else { result[..digits].parse().ok()? };
    let arguments: Vec<&str> = arguments.split(", ").collect();
    let texts = || arguments.iter().filter_map(|argument| quoted(argument));
    let paths = || texts().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let number = |index: usize| arguments.get(index).and_then(|argument| argument.trim().parse::<u64>().ok());
    let descriptor = || Descriptor::parse(arguments[0]);
    let two_paths = || Some((paths().next()?, paths().nth(1)?));
    match name {
        "write" | "writev" | "sendto" | "sendmsg" if descriptor()?.path.starts_with("TCP") => {
            let connection = descriptor()?.path;
            let mut bytes = texts().collect::<Vec<_>>().concat();
            // All of it may have left, whatever was returned of the rest.
            bytes.truncate(returned);
            let connection = connection.split_once('[')?.1.trim_end_matches(']').to_owned();
            Some(Call::Send { connection, bytes })
        }
        // It may have happened or not. The recording kills no process that still writes.
        _ if is_cut => None,
        "openat" => {
            let Descriptor { fd, path } = Descriptor::parse(result)?;
            let flag = |flag: &str| arguments.get(2).is_some_and(|flags| flags.split('|').any(|word| word == flag));
            Some(Call::Open { fd, path, created: flag("O_CREAT"), emptied: flag("O_TRUNC") })
        }
        "close" => Some(Call::Close { fd: descriptor()?.fd }),
        "write" | "writev" | "pwrite64" => {
            let Descriptor { fd, path } = descriptor()?;
            let mut bytes = texts().collect::<Vec<_>>().concat();
            assert!(bytes.len() >= returned, "strace cut a text: {} of {returned} bytes", bytes.len());
            bytes.truncate(returned);
            let offset = if name == "pwrite64" { Some(number(3)?) } else { None };
            Some(Call::Write { fd, path, offset, bytes })
        }
        "ftruncate" => Some(Call::Truncate { path: descriptor()?.path, length: number(1)? }),
        "fsync" | "fdatasync" => Some(Call::Sync { path: descriptor()?.path }),
        "unlink" | "unlinkat" => Some(Call::Unlink { path: paths().next()? }),
        "rename" | "renameat" | "renameat2" => two_paths().map(|(from, to)| Call::Rename { from, to }),
        "link" | "linkat" => two_paths().map(|(from, to)| Call::Link { from, to }),
        name => {
            let path = descriptor().map(|descriptor| descriptor.path).or_else(|| paths().next())?;
            Some(Call::Unknown { name: name.to_owned(), path })
        }
    }
}

/// `7<path>`, as `-yy` writes a descriptor.
struct Descriptor {
    fd: u32,
    path: String,
}

impl Descriptor {
    fn parse(text: &str) -> Option<Self> {
        let (fd, rest) = text.trim().split_once('<')?;
        let path = rest.rsplit_once('>')?.0;
        Some(Self { fd: fd.parse().ok()?, path: String::from_utf8_lossy(&bytes_of(path)).into_owned() })
    }
}

/// The text in an argument, or in each part of a vector of them.
fn quoted(argument: &str) -> Option<Vec<u8>> {
    let (_, rest) = argument.split_once('"')?;
    Some(bytes_of(rest.split_once('"')?.0))
}

/// `\x68\x69`; what is not written so, is as it stands.
fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if let [b'\\', b'x', high, low, after @ ..] = rest {
            bytes.push(digit(*high) << 4 | digit(*low));
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

fn digit(character: u8) -> u8 {
    char::from(character).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).expect("a hexadecimal digit")
}

mod tests {
    use super::*;

    fn one(line: &str) -> Option<Call> {
        parse(line).pop()
    }

    #[test]
    fn a_line_of_strace_is_the_call_it_tells() {
        let path = || "/a.db".to_owned();
        let file = r"3<\x2f\x61\x2e\x64\x62>";
        let write = format!(r#"7 pwrite64({file}, "\x68\x00\xff", 3, 512) = 3"#);
        assert_eq!(
            one(&write),
            Some(Call::Write { fd: 3, path: path(), offset: Some(512), bytes: vec![0x68, 0, 0xff] })
        );
        let short = format!(r#"7 write({file}, "\x68\x00\xff", 3)   = 2"#);
        assert_eq!(one(&short), Some(Call::Write { fd: 3, path: path(), offset: None, bytes: vec![0x68, 0] }));
        assert_eq!(one(&format!("7 fdatasync({file}) = 0")), Some(Call::Sync { path: path() }));
        assert_eq!(one(&format!("7 ftruncate({file}, 100) = 0")), Some(Call::Truncate { path: path(), length: 100 }));
        let open = format!(r#"7 openat(AT_FDCWD<\x2f>, "\x61\x2e\x64\x62", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = {file}"#);
        assert_eq!(one(&open), Some(Call::Open { fd: 3, path: path(), created: true, emptied: false }));
        let rename = r#"7 rename("\x2f\x61", "\x2f\x62") = 0"#;
        assert_eq!(one(rename), Some(Call::Rename { from: "/a".to_owned(), to: "/b".to_owned() }));
        let unknown = format!("7 fallocate({file}, 0, 0, 4096) = 0");
        assert_eq!(one(&unknown), Some(Call::Unknown { name: "fallocate".to_owned(), path: path() }));
    }

    #[test]
    fn what_failed_or_never_returned_did_not_happen() {
        for line in [r"7 fsync(3<\x2f>) = -1 EIO (Input/output error)", r"7 fsync(3<\x2f>) = ?", "7 --- SIGTERM {} ---"]
        {
            assert_eq!(one(line), None, "{line}");
        }
    }

    #[test]
    fn an_answer_counts_from_its_first_moment_and_a_sync_from_its_last() {
        let lines = [
            r#"8 sendto(9<TCP:[127.0.0.1:80->127.0.0.1:5]>, "\x48\x49", 2, MSG_NOSIGNAL, NULL, 0 <unfinished ...>"#,
            r"7 fsync(3<\x2f> <unfinished ...>",
            r"9 close(5<\x2f>) = 0",
            "7 <... fsync resumed>) = 0",
            "8 <... sendto resumed>) = 2",
            r#"8 writev(9<TCP:[127.0.0.1:80->127.0.0.1:5]>, [{iov_base="\x48"}, {iov_base="\x49"}] <unfinished ...>"#,
            r#"6 sendto(9<TCP:[127.0.0.1:80->127.0.0.1:5]>, "\x48\x49", 2, MSG_NOSIGNAL, NULL, 0) = ?"#,
            "7 +++ killed by SIGKILL +++",
        ];
        let sent = Call::Send { connection: "127.0.0.1:80->127.0.0.1:5".to_owned(), bytes: b"HI".to_vec() };
        let expected = [
            sent.clone(),
            Call::Close { fd: 5 },
            Call::Sync { path: "/".to_owned() },
            sent.clone(),
            sent,
            Call::Ended { process: 7 },
        ];
        assert_eq!(parse(&lines.join("\n")), expected);
    }
}
