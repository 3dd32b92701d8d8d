//! **Job:** a process that is stopped and goes on, and one that is told to end, twice, while clients do not let go.
//! **Owns:** when the signals come.
//! **Never:** holds up a commit: `stalls` does.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::{
    Attempt, Client, Item, PATIENCE, Server, Setup, assert_conservation, authorization, crowd, live_of,
};

const SKU: &str = "sku-1";

/// Time to pay in the test of a stopped process.
const PAY_WITHIN: Duration = Duration::from_secs(4);

/// Longest wait for an answer once a stopped process goes on, however much has become due.
const IN_TIME: Duration = Duration::from_secs(3);

fn time(order: &Value, member: &str) -> Timestamp {
    order[member].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {member} in {order}"))
}

fn last_deadline(orders: &[Value]) -> Timestamp {
    orders.iter().map(|order| time(order, "pay_by")).max().expect("orders were placed")
}

async fn status_of(server: &Server, order: &Value) -> String {
    let token = authorization(order["user_id"].as_str().expect("a buyer"));
    let path = format!("/v1/orders/{}", order["order_id"].as_str().expect("an id"));
    let answer = Client::new(server.address()).get(&path, &[("Authorization", &token)]).await.expect("an answer");
    answer.json()["status"].as_str().unwrap_or_else(|| panic!("no status: {}", answer.text())).to_owned()
}

/// Entries that were dated before the deadline they are about.
fn expired_early(server: &Server) -> i64 {
    let sql = "SELECT count(*) FROM ledger AS e JOIN ledger AS p ON p.item = e.item AND p.order_number = e.order_number
        WHERE e.kind = 5 AND p.kind = 2 AND e.at < p.pay_by";
    let file = Connection::open_with_flags(server.data_file(), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a data file");
    file.query_row(sql, [], |row| row.get(0)).expect("it can be read")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_process_that_was_stopped_expires_what_is_due_and_nothing_else_and_answers_meanwhile() {
    let setup =
        Setup::new([Item::new(SKU, 10_000)]).set("payment.pay_within", &format!("\"{}s\"", PAY_WITHIN.as_secs()));
    let server = setup.start();
    let early: Vec<_> = (0..1_500).map(|buyer| Attempt::new(&format!("early-{buyer}"), SKU)).collect();
    let early = crowd(server.address(), early).await.orders();
    let due = last_deadline(&early);
    // Half of their time later somebody else orders, and then the process stands still until the first are overdue.
    let left = due.duration_since(Timestamp::now()).unsigned_abs();
    sleep(left.saturating_sub(PAY_WITHIN / 2));
    let late: Vec<_> = (0..20).map(|buyer| Attempt::new(&format!("late-{buyer}"), SKU)).collect();
    let late = crowd(server.address(), late).await.orders();
    server.send("STOP");
    sleep(due.duration_since(Timestamp::now()).unsigned_abs() + Duration::from_millis(200));
    server.send("CONT");

    let begun = Instant::now();
    let newcomers: Vec<_> = (0..100).map(|buyer| Attempt::new(&format!("new-{buyer}"), SKU)).collect();
    crowd(server.address(), newcomers).await.assert_answered_with(&[]);
    assert!(begun.elapsed() < IN_TIME, "{:?}", begun.elapsed());
    for order in &late {
        let status = status_of(&server, order).await;
        assert!(status == "pending" || Timestamp::now() >= time(order, "pay_by"), "{status} too early: {order}");
    }
    for order in early.iter().chain(&late) {
        while status_of(&server, order).await != "expired" {
            assert!(begun.elapsed() < PATIENCE, "never expired: {order}");
            sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(expired_early(&server), 0);
    let rows = assert_conservation(&server).await;
    assert!(live_of(&rows, SKU) <= 100);
    assert!(!server.stderr().contains("the disk does not answer"), "a stopped process is no stalled disk");
}

/// A purchase of which the last byte is missing.
fn begin_a_purchase(server: &Server, user: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket option");
    let token = authorization(user);
    let head = format!("POST /v1/items/{SKU}/orders HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n");
    write!(stream, "{head}Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{{\"quantity\":1").expect("sent");
    stream
}

fn wait_for_log(server: &Server, text: &str) {
    let begun = Instant::now();
    while !server.stderr().contains(text) {
        assert!(begun.elapsed() < PATIENCE, "never logged: {text}\n{}", server.stderr());
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn who_is_inside_at_the_first_signal_is_answered_and_the_second_waits_for_no_client() {
    let mut server = Setup::new([Item::new(SKU, 9)]).start();
    let (mut finishes, mut never) = (begin_a_purchase(&server, "ann"), begin_a_purchase(&server, "bob"));
    // Both are inside once a later request has been answered.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let answer = Client::new(server.address()).get("/v1/items", &[]).await;
        assert_eq!(answer.expect("an answer").status, 200);
    });
    server.send_sigterm();
    wait_for_log(&server, "told to close");
    finishes.write_all(b"}").expect("it still reads");
    let mut answer = String::new();
    finishes.read_to_string(&mut answer).expect("an answer, and the end");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(server.is_alive(), "bob is inside");
    let begun = Instant::now();
    server.send_sigterm();
    assert!(server.wait().success(), "{}", server.stderr());
    assert!(begun.elapsed() < Duration::from_secs(4), "the first signal would have waited for ten seconds");
    wait_for_log(&server, "a second signal: not waiting for clients");
    let mut nothing = Vec::new();
    assert!(
        never.read_to_end(&mut nothing).is_err() || !nothing.starts_with(b"HTTP/1.1 201"),
        "bob has bought nothing"
    );
    assert_eq!(server.orders().len(), 1);
}
