//! **Job:** the files of a server that was killed in the middle of a sale, and older ones of the same sale.
//! **Owns:** the sale: three lives of one server, the last two of which end with a kill.
//! **Never:** damages anything.

use std::sync::OnceLock;

use crate::recovery::{DATA_FILE, Folder, Found, fast_folder, lay_out, look, recover};
use crate::support::{Attempt, Client, Item, Server, Setup, authorization, crowd, report_paid};

/// The item that is sold.
pub(super) const LAMP: &str = "lamp";

/// What is left of the sale.
pub(super) struct Victim {
    /// Data file, log, its index and mark, after the last kill.
    pub(super) files: Folder,
    /// What they hold.
    pub(super) written: Found,
    /// Data file and mark after a clean end.
    pub(super) closed: Folder,
    /// What they hold.
    pub(super) written_by_close: Found,
    /// Data file, log, its index and mark after an earlier kill.
    pub(super) older: Folder,
    /// What those hold.
    pub(super) written_then: Found,
}

/// A server like the one that was killed.
pub(super) fn setup() -> Setup {
    Setup::new([Item::new(LAMP, 10_000).limit(3)])
}

/// The one sale of all tests.
pub(super) fn victim() -> &'static Victim {
    static VICTIM: OnceLock<Victim> = OnceLock::new();
    VICTIM.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("threads").block_on(sale())
    })
}

async fn sale() -> Victim {
    let mut server = setup().start();
    sell(&server, "first", 24).await;
    server.kill9();
    let older = files(&server);
    server.restart();
    sell(&server, "second", 12).await;
    // A clean end in between: the data file holds what the first log held, and the log begins anew.
    server.terminate();
    let closed = files(&server);
    server.restart();
    sell(&server, "third", 24).await;
    server.kill9();
    let files = files(&server);
    Victim {
        written: held_by(&files),
        files,
        written_by_close: held_by(&closed),
        closed,
        written_then: held_by(&older),
        older,
    }
}

async fn sell(server: &Server, round: &str, orders: usize) {
    let mut client = Client::new(server.address());
    for number in 0..orders {
        let user = format!("{round}-{number}");
        let answer = Attempt::new(&user, LAMP).key(&format!("key-{user}")).send(&mut client).await.expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        let order = answer.json();
        if number % 3 == 0 {
            report_paid(&mut client, &format!("evt-{user}"), &order).await.expect("an answer");
        } else if number % 3 == 1 {
            let path = format!("/v1/orders/{}/cancel", order["order_id"].as_str().expect("an id"));
            let cancelled = client.request("POST", &path, &[("Authorization", &authorization(&user))], None).await;
            assert_eq!(cancelled.expect("an answer").status, 200);
        }
    }
    let attempts = (0..orders).map(|number| Attempt::new(&format!("{round}-crowd-{number}"), LAMP)).collect();
    assert_eq!(crowd(server.address(), attempts).await.orders().len(), orders);
}

/// The files of the ledger. Others may read them: a start that is refused must leave even that.
fn files(server: &Server) -> Folder {
    let ours = |(name, _): &(String, (u32, Vec<u8>))| name.starts_with(DATA_FILE);
    look(server.directory()).into_iter().filter(ours).map(|(name, (_, bytes))| (name, (0o644, bytes))).collect()
}

fn held_by(files: &Folder) -> Found {
    let scratch = fast_folder();
    lay_out(scratch.path(), files);
    recover(&scratch.path().join(DATA_FILE)).expect("undamaged files")
}
