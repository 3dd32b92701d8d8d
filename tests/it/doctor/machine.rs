//! **Job:** troubles of the machine: its limits, disks and clock.
//! **Owns:** how each is planted.
//! **Never:** changes a setting of the machine itself.

use super::{Shop, assert_found, exists, item};
use crate::support::{Item, Setup};

#[test]
fn too_few_open_files_are_named() {
    let shop = |limit: &str| Shop::new().under(&["prlimit", &format!("--nofile={limit}:{limit}")]);
    shop("512").set("server.max_connections", "100").doctor().assert_sound("open-files");
    shop("512").doctor().assert_named("open-files", "warn", &["fewer than the 4,096", "LimitNOFILE=20608"]);
    let words = ["a start needs 128 and is refused", "ulimit -Hn"];
    shop("64").doctor().assert_named("open-files", "fail", &words);
}

#[test]
fn a_data_file_that_would_be_in_memory_is_named() {
    let memory = std::path::Path::new("/dev/shm");
    assert!(memory.is_dir(), "Linux has a file system in memory there");
    let path = memory.join(format!("doorbuster-doctor-{}/sale.db", std::process::id()));
    assert_found("file-system", "fail", &["tmpfs", "power cut", "storage.path"], |shop| {
        shop.set("storage.path", &format!("{path:?}"))
    });
    assert!(!exists(path.parent().expect("a folder")), "it made nothing");
}

#[test]
fn a_disk_without_room_for_the_planned_stock_is_named_with_figures() {
    assert_found(
        "disk-room",
        "fail",
        &["1,000,000,000,000 orders that may come", "room for", "make room"],
        |mut shop| {
            shop.items = (0..1_000).map(|number| item(&format!("i{number}"), 1_000_000_000)).collect();
            shop
        },
    );
}

#[test]
fn a_disk_that_syncs_slowly_is_named() {
    let slow = |micros: &str| {
        let inject = format!("inject=fdatasync:delay_enter={micros}");
        let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", &inject];
        strace.map(str::to_owned)
    };
    assert_found("disk-sync", "fail", &["median 1", "commits a second", "calibrate"], |shop| {
        shop.under(&slow("120000").each_ref().map(String::as_str))
    });
}

#[test]
fn a_file_that_may_not_grow_is_named() {
    assert_found("file-size", "fail", &["a file may have 1.00 MiB", "LimitFSIZE=infinity"], |shop| {
        shop.under(&["prlimit", "--fsize=1048576"])
    });
}

#[test]
fn a_clock_that_nobody_keeps_is_named() {
    assert_found("clock-sync", "fail", &["not synchronised, says the kernel", "set-ntp"], |shop| {
        // Both who are asked: either would be believed if it said yes.
        shop.write("timedatectl", "#!/bin/sh\necho no\n", 0o755);
        shop.write("chronyc", "#!/bin/sh\necho 'Leap status     : Not synchronised'\n", 0o755);
        shop
    });
}

#[test]
fn a_clock_behind_the_newest_entry_of_the_data_file_is_named() {
    let mut server = Setup::new([Item::new("lamp", 10)]).start();
    assert!(server.terminate().success());
    let path = format!("{:?}", server.data_file());
    let shop = Shop::new().set("storage.path", &path);
    shop.doctor().assert_sound("clock");
    let behind = |by: &'static str| ["env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", by];
    let shop = shop.under(&behind("-30m"));
    shop.doctor().assert_named("clock", "warn", &["before the data file's last entry", "half speed"]);
    let shop = shop.under(&behind("-3h"));
    shop.doctor().assert_named("clock", "fail", &["before the data file's last entry", "set the clock"]);
    let shop = shop.under(&behind("-30d"));
    shop.doctor().assert_named("clock", "fail", &["a start is refused"]);
}
