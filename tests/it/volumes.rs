//! **Job:** what becomes of a sale and of an inventory on a file system that is full, or that has become read-only.
//! **Owns:** real file systems, small and broken, where the machine lets us mount them.
//! **Never:** takes a fault for something else than what the kernel makes of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::inventory::feed::{Feed, books, sale};
use crate::recovery::{differences, look};
use crate::support::{
    ADMIN_TOKEN, Attempt, Client, Inventory, Item, Response, Server, Setup, Volume, admin_authorization,
    assert_problem, authorization, doorbuster, text,
};

const SKU: &str = "sku-1";
const STOCK: u32 = 1_000;
const EXIT_STORAGE: Option<i32> = Some(74);
/// Room for a sale of some hundreds of orders.
const SMALL: usize = 4 << 20;
/// How long a server may take to notice that there is room again. It looks twice a second.
const RECOVERS_WITHIN: Duration = Duration::from_secs(20);

/// A path as the configuration has it.
fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_str().expect("temporary paths are text"))
}

fn shop(data: &Path) -> Setup {
    Setup::new([Item::new(SKU, STOCK)]).set("storage.path", &quoted(data))
}

fn purchase(user: &str) -> Attempt {
    Attempt::new(user, SKU).key(&format!("key-{user}"))
}

async fn buy(server: &Server, user: &str) -> std::io::Result<Response> {
    purchase(user).send(&mut Client::new(server.address())).await
}

async fn sold(server: &Server, users: std::ops::Range<usize>) {
    for number in users {
        let answer = buy(server, &format!("user-{number}")).await.expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

/// How many units are left, as everybody sees it.
async fn remaining(server: &Server) -> u64 {
    let answer = Client::new(server.address()).get(&format!("/v1/items/{SKU}"), &[]).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["remaining"].as_u64().expect("a count")
}

async fn mine(server: &Server, user: &str) -> Response {
    let headers = [("Authorization", &*authorization(user))];
    let path = format!("/v1/orders?item_id={SKU}");
    Client::new(server.address()).get(&path, &headers).await.expect("an answer")
}

async fn ops(server: &Server, path: &str) -> Response {
    let headers = [("Authorization", &*admin_authorization())];
    Client::new(server.ops_address()).get(path, &headers).await.expect("an answer")
}

/// Waits until what is not sold is on sale: what was refused is not held for longer than the actors need to hear of it.
async fn all_others_remain(server: &Server, sold: u64) {
    let (begun, wanted) = (Instant::now(), u64::from(STOCK) - sold);
    while remaining(server).await != wanted {
        assert!(begun.elapsed() < RECOVERS_WITHIN, "{} remain, not {wanted}", remaining(server).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Buys until somebody is refused; who that is.
async fn first_refused(server: &Server, day: usize, sold: &mut u64) -> String {
    for number in 0..STOCK / 4 {
        let user = format!("buyer-{day}-{number}");
        let answer = buy(server, &user).await.expect("an answer");
        if answer.status != 201 {
            assert_problem(&answer, 503, "storage-full");
            return user;
        }
        *sold += 1;
    }
    panic!("a volume that is full takes order after order");
}

/// Takes all the room there is; its file.
fn fill(volume: &Volume) -> PathBuf {
    let ballast = volume.path().join("ballast");
    // Zero bytes of it were too many: that is what it is for.
    let _full = fs::write(&ballast, vec![1; SMALL]);
    ballast
}

fn audit(data: &Path) {
    let audit = doorbuster(&["verify"], &[("--db", data)]);
    assert!(audit.status.success(), "{}", text(&audit));
}

#[tokio::test]
async fn a_volume_that_is_full_sells_nothing_until_there_is_room_and_leaks_nothing() {
    let Some(volume) = Volume::in_memory(SMALL) else { return };
    let data = volume.path().join("sale.db");
    let mut server = shop(&data).start();
    sold(&server, 0..5).await;
    let mut sold_so_far = 5;
    for again in 1..=3 {
        let ballast = fill(&volume);
        // A log that has begun anew has room for a few more.
        let refused = first_refused(&server, again, &mut sold_so_far).await;
        for user in [&refused, "bob", &refused] {
            assert_problem(&buy(&server, user).await.expect("an answer"), 503, "storage-full");
        }
        let known = mine(&server, "user-1").await;
        assert_eq!(known.json()["orders"].as_array().map(Vec::len), Some(1), "reads work: {}", known.text());
        all_others_remain(&server, sold_so_far).await;
        assert_eq!(ops(&server, "/readyz").await.status, 503);
        fs::remove_file(ballast).expect("it is there");
        let begun = Instant::now();
        let answer = loop {
            let answer = buy(&server, &refused).await.expect("an answer");
            if answer.status == 201 {
                break answer;
            }
            assert!(begun.elapsed() < RECOVERS_WITHIN, "{}", answer.text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(answer.header("idempotent-replayed"), None, "it was not placed before");
        sold_so_far += 1;
        all_others_remain(&server, sold_so_far).await;
        assert_eq!(ops(&server, "/readyz").await.status, 200);
        assert_eq!(ops(&server, "/invariants").await.json()["holds"], true);
    }
    audit(&data);
    assert!(server.terminate().success(), "{}", server.stderr());
}

#[tokio::test]
async fn a_server_that_is_ended_on_a_full_volume_has_all_it_said_at_the_next_start() {
    let Some(volume) = Volume::in_memory(SMALL) else { return };
    let data = volume.path().join("sale.db");
    let mut server = shop(&data).start();
    sold(&server, 0..50).await;
    let ballast = fill(&volume);
    assert_problem(&buy(&server, "ann").await.expect("an answer"), 503, "storage-full");
    assert!(server.terminate().success(), "nothing is lost: {}", server.stderr());
    fs::remove_file(ballast).expect("it is there");
    let server = shop(&data).start();
    sold(&server, 0..51).await;
    assert_eq!(remaining(&server).await, u64::from(STOCK) - 51, "each once");
    audit(&data);
}

#[tokio::test]
async fn a_start_on_a_full_volume_begins_no_sale_and_leaves_nothing_behind() {
    let Some(volume) = Volume::in_memory(SMALL) else { return };
    let data = volume.path().join("sale.db");
    let ballast = fill(&volume);
    let refused = shop(&data).try_start().err().expect("there is no room");
    assert_eq!(refused.status.code(), EXIT_STORAGE, "{}", refused.stderr);
    assert_eq!(fs::read_dir(volume.path()).expect("readable").count(), 1, "only the ballast");
    fs::remove_file(ballast).expect("it is there");
    sold(&shop(&data).start(), 0..1).await;
}

#[tokio::test]
async fn a_volume_that_becomes_read_only_stops_the_server_and_costs_nothing_that_was_said() {
    let Some(volume) = Volume::mount() else { return };
    let data = volume.path().join("data/sale.db");
    let mut server = shop(&data).start();
    sold(&server, 0..20).await;
    if volume.break_down().is_none() {
        println!("skipped: this kernel finds no error on request");
        return;
    }
    assert!(buy(&server, "ann").await.is_err(), "whether it was placed is not known, so nothing is said");
    assert_eq!(server.wait().code(), EXIT_STORAGE, "{}", server.stderr());
    drop(server);

    let folder = data.parent().expect("a folder");
    let before = look(folder);
    for _a_supervisor_tries_again in 0..2 {
        let refused = shop(&data).try_start().err().expect("nothing can be written");
        assert_eq!(refused.status.code(), EXIT_STORAGE, "{}", refused.stderr);
        assert_eq!(differences(&before, &look(folder)), Vec::<String>::new());
    }
    volume.repair();
    let mut server = shop(&data).start();
    sold(&server, 0..21).await;
    let answer = buy(&server, "ann").await.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(remaining(&server).await, u64::from(STOCK) - 22, "each once");
    assert!(server.terminate().success(), "{}", server.stderr());
    audit(&data);
}

#[test]
fn an_inventory_on_a_full_volume_waits_for_room_and_counts_each_entry_once() {
    let Some(volume) = Volume::in_memory(SMALL) else { return };
    let (lines, file) = (sale(600), volume.path().join("inventory.db"));
    let feed = Feed::start(ADMIN_TOKEN, lines[..100].to_vec());
    let mut inventory = Inventory::of(&feed.url());
    inventory.set("inventory.path", &quoted(&file)).start();
    inventory.wait_for_cursor(100);
    let ballast = fill(&volume);
    feed.append(&lines[100..]);
    inventory.wait_until("it tells", |inventory| inventory.log().contains("the disk is full: nothing was applied"));
    assert_eq!(inventory.books(), books(&lines[..100]), "reads work");
    fs::remove_file(ballast).expect("it is there");
    inventory.wait_for_cursor(lines.len());
    assert_eq!((inventory.books(), &inventory.stock()["dead_letters"]), (books(&lines), &0.into()));
    assert!(inventory.terminate().success(), "{}", inventory.log());
    feed.close();
}

#[test]
fn an_inventory_whose_file_may_not_grow_waits_and_goes_on_where_it_was_once_it_may() {
    let lines = sale(20_000);
    let feed = Feed::start(ADMIN_TOKEN, lines.clone());
    let mut inventory = Inventory::of(&feed.url());
    inventory.under(&["prlimit", "--fsize=400000"].map(str::to_owned)).start();
    inventory.wait_until("it tells", |inventory| inventory.log().contains("the disk is full: nothing was applied"));
    assert!(inventory.is_alive() && inventory.ask("GET", "/livez").status == 200, "{}", inventory.log());
    assert!(inventory.terminate().success(), "{}", inventory.log());
    let (cursor, dead, found) = inventory.on_disk();
    assert!(cursor < lines.len(), "the limit was not reached");
    assert_eq!((dead, found), (0, books(&lines[..cursor])));
    inventory.under(&[]).start();
    inventory.wait_for_cursor(lines.len());
    assert_eq!(inventory.books(), books(&lines));
    feed.close();
}
