//! **Job:** the file we write is the file that is there, and a start that is refused leaves all of it as it was.
//! **Owns:** what may happen to files: damaged, moved, linked, mounted, limited in size.
//! **Never:** looks into the data file: what counts is what the server says, and the bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{
    Attempt, Client, Item, Server, Setup, admin_authorization, assert_conservation, authorization, crowd,
};

const SKU: &str = "sku-1";
const EXIT_STORAGE: Option<i32> = Some(74);

fn beside(server: &Server, suffix: &str) -> PathBuf {
    let mut name = server.data_file().into_os_string();
    name.push(suffix);
    name.into()
}

/// The data file and all that lies beside it under its name.
fn files(server: &Server) -> BTreeMap<PathBuf, Vec<u8>> {
    let data_file = server.data_file();
    let folder = data_file.parent().expect("it lies in a folder");
    let all = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
    let ours = all.filter(|path| path.to_string_lossy().contains("doorbuster.db"));
    ours.map(|path| (path.clone(), fs::read(&path).expect("readable"))).collect()
}

async fn buy(server: &Server, user: &str) -> u16 {
    let mut client = Client::new(server.address());
    let token = authorization(user);
    let path = format!("/v1/items/{SKU}/orders");
    // A server that stops closes the connection; that is no answer, and none was promised.
    client
        .request("POST", &path, &[("Authorization", &token)], Some("{\"quantity\":1}"))
        .await
        .map_or(0, |answer| answer.status)
}

async fn readiness(server: &Server) -> u16 {
    Client::new(server.ops_address()).get("/readyz", &[]).await.expect("an answer").status
}

/// A server that was killed with so many orders in its log.
async fn killed_with_orders(count: usize) -> Server {
    let mut server = Setup::new([Item::new(SKU, 1_000)]).start();
    let attempts = (0..count).map(|number| Attempt::new(&format!("user-{number}"), SKU)).collect();
    assert_eq!(crowd(server.address(), attempts).await.orders().len(), count);
    server.kill9();
    server
}

fn flip_a_bit(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("it is there");
    bytes[at] ^= 1;
    fs::write(path, bytes).expect("our own file");
}

#[tokio::test]
async fn a_refused_start_leaves_every_file_as_it_was() {
    let mut server = killed_with_orders(40).await;
    let whole = files(&server);
    let log = beside(&server, "-wal");
    let middle = whole[&log].len() / 2;
    let data_file = server.data_file();
    let cases: [(&str, &dyn Fn()); 7] = [
        ("a flipped bit in the log", &|| flip_a_bit(&log, middle)),
        ("a log that was cut", &|| fs::write(&log, &whole[&log][..middle]).expect("our own file")),
        ("a log that is gone", &|| fs::remove_file(&log).expect("it is there")),
        ("an empty data file", &|| fs::write(&data_file, "").expect("our own file")),
        ("a data file that is gone", &|| fs::remove_file(&data_file).expect("it is there")),
        ("a foreign file", &|| fs::write(&data_file, "Dear diary, ".repeat(400)).expect("our own file")),
        ("another mark", &|| flip_a_bit(&beside(&server, ".mark"), 0)),
    ];
    for (what, damage) in cases {
        damage();
        let before = files(&server);
        // A supervisor that restarts does it again and again.
        for _again in 0..2 {
            let refused = server.refused_start();
            assert_eq!(refused.status.code(), EXIT_STORAGE, "{what}: {}", refused.stderr);
            assert!(files(&server) == before, "{what}: a refused start changed a file");
        }
        for (path, bytes) in &whole {
            fs::write(path, bytes).expect("our own file");
        }
    }
    server.restart();
    assert_eq!(assert_conservation(&server).await.len(), 40);
}

#[tokio::test]
async fn a_catalogue_that_cannot_be_read_is_no_reason_to_touch_the_data_file() {
    let mut server = killed_with_orders(5).await;
    let before = files(&server);
    let catalogue = server.data_file().with_file_name("catalogue.toml");
    let text = fs::read_to_string(&catalogue).expect("written at the start");
    fs::write(&catalogue, "[[item]]\nid = 7\n").expect("our own file");
    assert_eq!(server.refused_start().status.code(), Some(78));
    assert!(files(&server) == before);
    fs::write(&catalogue, text).expect("our own file");
    server.restart();
    assert_eq!(assert_conservation(&server).await.len(), 5);
}

#[tokio::test]
async fn nothing_is_confirmed_once_the_files_have_lost_their_names() {
    for suffix in ["", "-wal", ".mark"] {
        for is_replaced in [false, true] {
            let mut server = Setup::new([Item::new(SKU, 100)]).start();
            assert_eq!(buy(&server, "ann").await, 201);
            let file = beside(&server, suffix);
            let moved = file.with_extension("moved");
            fs::rename(&file, &moved).expect("it is there");
            if is_replaced {
                fs::copy(&moved, &file).expect("room on the disk");
            }
            for user in ["bob", "carol"] {
                assert_eq!(buy(&server, user).await, 503, "{suffix:?}, replaced: {is_replaced}");
            }
            // It still holds the only copy of what was sold: whoever comes to help must find it alive.
            assert_eq!(readiness(&server).await, 503);
            assert_eq!(server.terminate().code(), EXIT_STORAGE, "{suffix:?}, replaced: {is_replaced}");
            assert!(server.stderr().contains("while it was open"), "{}", server.stderr());
        }
    }
}

#[tokio::test]
async fn an_idle_server_notices_that_its_folder_has_gone() {
    let mut server = Setup::new([Item::new(SKU, 100)]).start();
    assert_eq!(buy(&server, "ann").await, 201);
    let folder = server.data_file().parent().expect("a folder").to_owned();
    let moved = folder.with_extension("moved");
    fs::rename(&folder, &moved).expect("our own folder");
    while readiness(&server).await == 200 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(server.terminate().code(), EXIT_STORAGE);
    fs::rename(&moved, &folder).expect("our own folder");
    server.restart();
    assert_eq!(assert_conservation(&server).await.len(), 1);
}

#[tokio::test]
async fn a_server_that_is_told_to_end_without_its_files_does_not_say_that_all_is_well() {
    let mut server = Setup::new([Item::new(SKU, 100)]).start();
    assert_eq!(buy(&server, "ann").await, 201);
    fs::remove_file(server.data_file()).expect("it is there");
    assert_eq!(server.terminate().code(), EXIT_STORAGE);
}

#[tokio::test]
async fn a_symbolic_link_leads_to_the_file_its_log_and_its_mark() {
    let server = killed_with_orders(10).await;
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let link = elsewhere.path().join("sale.db");
    std::os::unix::fs::symlink(server.data_file(), &link).expect("a link");
    let through = || Setup::new([Item::new(SKU, 1_000)]).set("storage.path", &format!("{:?}", link.to_str().unwrap()));
    flip_a_bit(&beside(&server, "-wal"), 4_200);
    let refused = through().try_start().err().expect("the mark beside the file knows better");
    assert_eq!(refused.status.code(), EXIT_STORAGE, "{}", refused.stderr);
    flip_a_bit(&beside(&server, "-wal"), 4_200);
    let mut through = through().start();
    let mut client = Client::new(through.ops_address());
    let papers = admin_authorization();
    let invariants = client.get("/invariants", &[("Authorization", &papers)]).await.expect("an answer").json();
    assert_eq!(invariants["items"][0]["live"], 10, "{invariants}");
    through.kill9();
    assert_eq!(fs::read_dir(elsewhere.path()).expect("readable").count(), 1, "nothing lies beside the link");
}

#[tokio::test]
async fn a_file_with_two_names_is_refused_under_each() {
    let mut server = killed_with_orders(10).await;
    let other = server.data_file().with_file_name("other.db");
    fs::hard_link(server.data_file(), &other).expect("a link");
    let refused = server.refused_start();
    assert_eq!(refused.status.code(), EXIT_STORAGE, "{}", refused.stderr);
    assert!(refused.stderr.contains("has 2 names"), "{}", refused.stderr);
    let under_the_other =
        Setup::new([Item::new(SKU, 1)]).set("storage.path", &format!("{:?}", other.to_str().unwrap()));
    let refused = under_the_other.try_start().err().expect("a part of a sale");
    assert_eq!(refused.status.code(), EXIT_STORAGE, "{}", refused.stderr);
    fs::remove_file(other).expect("it is there");
    server.restart();
    assert_eq!(assert_conservation(&server).await.len(), 10);
}

#[tokio::test]
async fn a_single_file_that_is_mounted_is_refused() {
    let server = killed_with_orders(10).await;
    let folder = tempfile::tempdir().expect("a temporary directory");
    let target = folder.path().join("sale.db");
    fs::write(&target, "").expect("our own folder");
    let mount = "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"";
    let (from, to) = (server.data_file(), target.clone());
    let wrapper =
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, from.to_str().unwrap(), to.to_str().unwrap()];
    let mounted = Setup::new([Item::new(SKU, 1)]).set("storage.path", &format!("{:?}", target.to_str().unwrap()));
    let refused = mounted.under(&wrapper).try_start().err().expect("a part of a sale");
    assert_eq!(refused.status.code(), EXIT_STORAGE, "{}", refused.stderr);
    assert!(refused.stderr.contains("mount point"), "{}", refused.stderr);
}

#[test]
fn what_is_no_regular_file_is_refused_untouched() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let pipe = folder.path().join("pipe.db");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("coreutils").success());
    let lost = folder.path().join("lost.db");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &lost).expect("a link");
    for path in [Path::new("/dev/null"), Path::new("/dev/full"), folder.path(), &pipe, &lost] {
        let mode = |path: &Path| fs::symlink_metadata(path).map(|found| found.permissions()).expect("there");
        let before = mode(path);
        let setup = Setup::new([Item::new(SKU, 1)]).set("storage.path", &format!("{:?}", path.to_str().unwrap()));
        let refused = setup.try_start().err().unwrap_or_else(|| panic!("{} was opened", path.display()));
        assert_eq!(refused.status.code(), EXIT_STORAGE, "{}: {}", path.display(), refused.stderr);
        assert_eq!(mode(path), before, "{}", path.display());
    }
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 2);
}

#[tokio::test]
async fn a_new_sale_begins_only_where_one_may() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for path in [folder.path().join("unmounted/sale.db"), folder.path().join("sale.db")] {
        let setup = || Setup::new([Item::new(SKU, 1)]).set("storage.path", &format!("{:?}", path.to_str().unwrap()));
        let refused = setup().set("storage.create", "false").try_start().err().expect("there is no data file");
        assert_eq!(refused.status.code(), EXIT_STORAGE, "{}", refused.stderr);
        assert!(refused.stderr.contains("storage.create"), "{}", refused.stderr);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }
    let path = folder.path().join("new/sale.db");
    let setup = || Setup::new([Item::new(SKU, 1)]).set("storage.path", &format!("{:?}", path.to_str().unwrap()));
    setup().start().terminate();
    let server = setup().set("storage.create", "false").start();
    assert_eq!(buy(&server, "ann").await, 201);
}

#[tokio::test]
async fn a_file_that_may_not_grow_is_a_full_disk_and_no_end() {
    let mut server = Setup::new([Item::new(SKU, 100_000)]).under(&["prlimit", "--fsize=300000"]).start();
    let mut sold = 0;
    let full = loop {
        match buy(&server, &format!("user-{sold}")).await {
            201 => sold += 1,
            other => break other,
        }
        assert!(sold < 5_000, "the limit was not reached");
    };
    assert_eq!(full, 503, "{}", server.stderr());
    assert!(server.is_alive(), "{}", server.stderr());
    let mut client = Client::new(server.address());
    assert_eq!(client.get("/v1/items/sku-1", &[]).await.expect("an answer").status, 200, "reading goes on");
    assert_eq!(server.terminate().code(), Some(0), "nothing is lost: {}", server.stderr());
    server.start_under(&[]);
    server.restart();
    assert!(assert_conservation(&server).await.len() >= sold, "{sold} were confirmed");
}
