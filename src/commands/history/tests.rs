//! **Job:** holds that what is recorded is read again, once, and that nothing else is taken for a history.
//! **Owns:** small histories, whole and spoilt.
//! **Never:** runs a server.

use std::collections::BTreeSet;
use std::thread;

use super::reader::read_lines;
use super::*;

const HEADER: &str = "{\"doorbuster_history\":1,\"covers\":\"everything\"}\n";
const READ: &str = "{\"op\":\"read\",\"invoked_ns\":1,\"returned_ns\":2,\"order_id\":\"C1\",\"status\":404}\n";

fn reasons(text: &str) -> String {
    read_lines(text.as_bytes(), &mut |_, _| {}).expect_err("it is spoilt")
}

#[test]
fn what_is_not_a_history_is_refused_with_line_and_reason() {
    let end = "{\"operations\":1}\n";
    let whole = [HEADER, READ, end].concat();
    assert_eq!(read_lines(whole.as_bytes(), &mut |line, _| assert_eq!(line, 2)), Ok(Covers::Everything));
    let with = |line: &str| [HEADER, line, end].concat();
    let table = [
        (String::new(), "line 1 is not the beginning of a history"),
        ("Dear diary\n".to_owned(), "line 1 is not the beginning of a history"),
        (whole.replace("history\":1", "history\":2"), "line 1 says version 2; this program reads version 1"),
        (whole.replace("everything", "most"), "line 1 is not the beginning of a history: unknown variant `most`"),
        ([HEADER, READ].concat(), "it ends after line 2 without its last line"),
        (whole.trim_end().to_owned(), "line 3 has no end: the recording was cut short"),
        ([HEADER, READ, READ, end].concat(), "line 4 says 1 operations, but there are 2"),
        ([&whole, READ].concat(), "line 4 stands behind the last one"),
        (with("{}\n"), "line 2 is not an operation: missing field `op`"),
        (with(&READ.replace("read", "steal")), "line 2 is not an operation: unknown variant `steal`"),
        (with(&READ.replace("order_id", "price")), "line 2 is not an operation: unknown field `price`"),
        (with(&READ.replace("404", "\"404\"")), "line 2 is not an operation: invalid type: string \"404\""),
        (with(&READ.replace("404", "4040")), "line 2 has status 4040"),
        (with(&READ.replace("\"returned_ns\":2", "\"returned_ns\":0")), "line 2 returned before it was invoked"),
        (with(&READ.replace("\"returned_ns\":2", "\"returned_ns\":-2")), "line 2 is not an operation: invalid value"),
        (with("\n"), "line 2 is not an operation: EOF"),
        (with(&READ.replace("C1", &"C".repeat(70_000))), "line 2 has more than 65536 bytes"),
    ];
    for (text, expected) in table {
        let reason = reasons(&text);
        assert!(reason.starts_with(expected), "{reason:?} does not begin with {expected:?}");
    }
}

#[test]
fn every_operation_is_written_once_whoever_records_it() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("run.history");
    let recorder = Recorder::create(&path, Covers::Buyers).expect("a new file");
    assert!(Recorder::create(&path, Covers::Buyers).is_err(), "nothing is written over a history");
    let threads: Vec<_> = (0..4_u64)
        .map(|thread| {
            let mut sheet = recorder.sheet();
            thread::spawn(move || {
                for number in 0..2_500 {
                    let mut operation = Operation::new(Kind::Buy, sheet.now_ns(), sheet.now_ns());
                    operation.key = Some(format!("{thread}-{number}").into());
                    operation.user = Some("\u{1f9e8} \"\\\n".into());
                    sheet.record(&operation);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("a thread that does not panic");
    }
    assert_eq!(recorder.finish().expect("a file that can be written"), 10_000);
    let mut keys = BTreeSet::new();
    let covers = read(&path, |_, operation| {
        assert_eq!(operation.user.as_deref(), Some("\u{1f9e8} \"\\\n"));
        assert!(keys.insert(operation.key.as_deref().expect("each has one").to_owned()), "written twice");
    });
    assert_eq!((covers.expect("a first line"), keys.len()), (Covers::Buyers, 10_000));
}
