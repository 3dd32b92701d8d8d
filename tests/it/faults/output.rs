//! **Job:** an output that nobody reads, that is full or closed: requests and the end of the process do not wait.
//! **Owns:** the ways in which an output can be of no use.
//! **Never:** reads a log.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{ADMIN_TOKEN, Attempt, Item, Setup, assert_conservation, crowd, lasting_port, send, wait};

const SKU: &str = "sku-1";
const BUYERS: usize = 600;

/// Far less than one blocked write would take, which never comes back.
const IN_TIME: Duration = Duration::from_secs(15);

/// Shell redirections; the shell becomes the server.
const OUTPUTS: [(&str, &str); 4] = [
    ("a pipe that nobody reads", "mkfifo unread; exec \"$0\" \"$@\" 3<>unread >unread 2>&1"),
    ("a full disk", "exec \"$0\" \"$@\" >/dev/full 2>&1"),
    ("closed", "exec \"$0\" \"$@\" >&- 2>&-"),
    ("a pipe whose reader has gone", "mkfifo left; (: <left) & exec \"$0\" \"$@\" >left 2>&1"),
];

#[tokio::test]
async fn requests_and_the_end_do_not_wait_for_an_output_that_nobody_takes() {
    for (name, redirection) in OUTPUTS {
        // Every line that there is: many times what fits into a pipe.
        let setup = Setup::new([Item::new(SKU, 1_000)]).log("trace");
        let mut server = setup.under(&["sh", "-c", redirection]).start();
        let begun = Instant::now();
        let tally = crowd(server.address(), Attempt::shuffled(SKU, BUYERS, 1)).await;
        tally.assert_answered_with(&[]);
        assert!(begun.elapsed() < IN_TIME, "{name}: {:?}", begun.elapsed());
        assert_eq!(assert_conservation(&server).await.len(), BUYERS, "{name}");
        let begun = Instant::now();
        let ended = server.terminate();
        assert!(ended.success() && begun.elapsed() < IN_TIME, "{name}: {ended} after {:?}", begun.elapsed());
        assert_eq!(server.verify().0, 0, "{name}: {}", server.verify().1);
    }
}

#[test]
fn an_inventory_neither_waits_for_such_an_output_nor_ends_because_of_it() {
    for (name, redirection) in OUTPUTS {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("sh");
        command.args(["-c", redirection, env!("CARGO_BIN_EXE_doorbuster"), "inventory"]).current_dir(folder.path());
        let address = format!("127.0.0.1:{}", lasting_port());
        let keys =
            ["inventory.source=http://127.0.0.1:9", "inventory.path=books.db", &format!("inventory.listen={address}")];
        command
            .args(keys.iter().flat_map(|key| ["--set", key]))
            .args(["--set", &format!("auth.admin_token={ADMIN_TOKEN}")]);
        let mut child = command.env("RUST_LOG", "trace").stdin(Stdio::null()).spawn().expect("a shell");
        let begun = Instant::now();
        while ureq::get(format!("http://{address}/livez")).call().is_err() {
            assert!(child.try_wait().expect("a child").is_none(), "{name}: it has ended");
            assert!(begun.elapsed() < IN_TIME, "{name}: it does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        send(child.id(), "TERM");
        assert!(wait(&mut child).success(), "{name}");
    }
}

/// What is said last goes to standard error as well.
#[tokio::test]
async fn a_start_that_is_refused_ends_though_nobody_takes_why() {
    for (name, redirection) in OUTPUTS {
        let setup = Setup::new([Item::new(SKU, 9)]).set("storage.path", "\"/proc/no-such-folder/sale.db\"");
        let begun = Instant::now();
        let stopped =
            setup.under(&["sh", "-c", redirection]).try_start().map(drop).expect_err("there is no such place");
        assert_eq!(stopped.status.code(), Some(74), "{name}");
        assert!(begun.elapsed() < IN_TIME, "{name}: {:?}", begun.elapsed());
    }
}
