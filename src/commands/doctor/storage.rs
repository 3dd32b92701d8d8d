//! **Job:** checks where the data file lies, or will lie: may we write there, how long does it last, is there room, and
//! how fast is it.
//! **Owns:** how slow a disk may be.
//! **Never:** leaves a file behind, or touches the data file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use doorbuster_actors::data_file::Medium;
use doorbuster_actors::ledger::format::real_path;
use indicatif::{HumanBytes, HumanCount};
use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags, accessat, statvfs};

use super::finding::Finding;
use super::ledger::Planned;
use crate::commands::calibrate::{CalibrateError, Latency, Probe, sync_times};
use crate::commands::failure::Failure;
use crate::config::Config;

/// What is written for the measurement: as much as a small commit, some dozen times, within two seconds.
const PROBE: Probe = Probe { time: Duration::from_secs(2), writes: 36, bytes: 12 << 10 };

/// A sync that takes longer keeps every buyer waiting for it noticeably.
const SLOW_SYNC: Duration = Duration::from_millis(10);
/// With one that takes longer, a queue of buyers forms at once.
const UNUSABLE_SYNC: Duration = Duration::from_millis(100);

/// How many times the room that the planned orders take should be there: orders that expire and come again take it,
/// too.
const SPARE: u64 = 3;

/// New files that must be possible: data file, log, index and mark, and as many of the webhook's.
const FILES: u64 = 8;

/// File systems of a program, behind which a disk may be.
const PROGRAMS: [&str; 4] = ["fuse", "9p", "virtiofs", "vboxsf"];

pub(super) async fn findings(config: &Config, planned: Planned) -> Result<Vec<Finding>, Failure> {
    let path = real_path(&config.storage.path);
    let folder = nearest_folder(&path);
    let reading = read(&path, &folder);
    let mut findings = vec![medium(&Medium::of(&path))];
    findings.push(access(&folder, &path, &reading));
    findings.extend(reading.room.map(|room| judge_room(room, planned, &folder)));
    if reading.is_usable() {
        match sync_times(&folder, PROBE).await {
            Ok(times) => findings.push(sync(&times, config.storage.max_batch)),
            Err(error @ (CalibrateError::Interrupted | CalibrateError::Signals(_))) => return Err(error.into()),
            Err(error) => findings.push(Finding::fail("disk-sync", error.to_string(), "mend the disk, or use another")),
        }
    }
    Ok(findings)
}

/// What the system says about the place.
#[derive(Debug)]
struct Reading {
    may_write_folder: bool,
    may_write_file: bool,
    is_read_only: bool,
    room: Option<Room>,
}

impl Reading {
    fn is_usable(&self) -> bool {
        self.may_write_folder && !self.is_read_only
    }
}

/// What is left on a disk.
#[derive(Debug, Clone, Copy)]
struct Room {
    bytes: u64,
    /// Files that can still be made; none where the file system does not count them.
    files: Option<u64>,
}

fn read(path: &Path, folder: &Path) -> Reading {
    let may = |path: &Path, access| accessat(CWD, path, access, AtFlags::EACCESS).is_ok();
    let disk = statvfs(folder).ok();
    Reading {
        may_write_folder: may(folder, Access::WRITE_OK | Access::EXEC_OK),
        may_write_file: !path.exists() || may(path, Access::READ_OK | Access::WRITE_OK),
        is_read_only: disk.as_ref().is_some_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY)),
        // What is kept for the superuser is not free for us.
        room: disk.map(|disk| Room {
            bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
            files: (disk.f_files > 0).then_some(disk.f_favail),
        }),
    }
}

/// The folder of the file, or the one in which the start would make it.
fn nearest_folder(path: &Path) -> PathBuf {
    let above = path.ancestors().skip(1).find(|folder| folder.is_dir());
    above.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

fn medium(medium: &Medium) -> Finding {
    let name = "file-system";
    let told = medium.warning().unwrap_or_default();
    match medium {
        Medium::Disk => Finding::ok(name, "the data file is on a disk of this machine, as far as can be seen"),
        Medium::Memory(_) => Finding::fail(name, told, "set storage.path to a file on a disk"),
        Medium::Container(_) => Finding::warn(name, told, "mount a volume, and set storage.path to a file on it"),
        Medium::Network(kind) if PROGRAMS.iter().any(|program| kind.starts_with(program)) => {
            Finding::warn(name, told, "set storage.path to a file on a disk of this machine, unless this is one")
        }
        Medium::Network(_) => Finding::fail(name, told, "set storage.path to a file on a disk of this machine"),
    }
}

fn access(folder: &Path, path: &Path, reading: &Reading) -> Finding {
    let (name, shown) = ("data-folder", folder.display());
    if reading.is_read_only {
        let found = format!("{shown} is on a file system that is mounted read-only");
        return Finding::fail(
            name,
            found,
            format!("look why (dmesg), then: mount -o remount,rw $(findmnt -nT {shown} -o TARGET)"),
        );
    }
    if !reading.may_write_folder {
        let found = format!("this user may not write in {shown}");
        return Finding::fail(name, found, format!("run it as the server's user, or: chown USER {shown}"));
    }
    if !reading.may_write_file {
        let path = path.display();
        return Finding::fail(name, format!("this user may not write {path}"), format!("chown USER {path}*"));
    }
    if path.parent().is_some_and(Path::is_dir) {
        Finding::ok(name, format!("{shown} can be written"))
    } else {
        Finding::ok(name, format!("the first start makes it in {shown}"))
    }
}

fn judge_room(room: Room, planned: Planned, folder: &Path) -> Finding {
    let (name, needed) = ("disk-room", planned.disk());
    let (free, units) = (HumanBytes(room.bytes), HumanCount(planned.units));
    let found = format!(
        "{free} free; {units} orders that may come, paid, take {} with the log; there is room for {}",
        HumanBytes(needed),
        HumanCount(Planned::orders_in(room.bytes))
    );
    let advice = format!("make room on the disk of {}, or use a larger one", folder.display());
    if room.bytes < needed {
        Finding::fail(name, found, advice)
    } else if room.files.is_some_and(|files| files < FILES) {
        Finding::fail(name, "the file system takes no new files (df -i)", "remove files, or use another file system")
    } else if room.bytes < needed.saturating_mul(SPARE) {
        Finding::warn(name, format!("{found}; orders that expire and come again take as much again"), advice)
    } else {
        Finding::ok(name, found)
    }
}

fn sync(times: &Latency, max_batch: usize) -> Finding {
    let (name, seconds) = ("disk-sync", times.p50.as_secs_f64().max(1e-6));
    let commits = 1.0 / seconds;
    #[expect(clippy::cast_precision_loss, reason = "at most 65536")]
    let orders = commits * max_batch as f64;
    let found = format!(
        "write and sync of 12 KiB: median {}, longest {} ({} writes); that allows {} commits a second, and in full \
         batches {} orders",
        spoken(times.p50),
        spoken(times.max),
        times.count,
        HumanCount(whole(commits)),
        HumanCount(whole(orders))
    );
    let advice = "use a faster disk (SSD, with a cache that survives a power cut); doorbuster calibrate measures more";
    if times.p50 > UNUSABLE_SYNC {
        Finding::fail(name, found, advice)
    } else if times.p50 > SLOW_SYNC {
        Finding::warn(name, found, advice)
    } else {
        Finding::ok(name, found)
    }
}

fn spoken(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float stops at the ends")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::ledger::Books;
    use super::*;

    fn planned(stock: u32) -> Planned {
        let text =
            format!("[[item]]\nid = \"a\"\ntitle = \"A\"\nunit_price = 1\ncurrency = \"EUR\"\nstock = {stock}\n");
        Planned::of(&Books::default(), &crate::catalogue::parse(&text).expect("valid"))
    }

    #[test]
    fn a_disk_must_have_room_for_the_planned_orders_and_should_have_more() {
        let plan = planned(1_000_000);
        let level = |bytes, files| judge_room(Room { bytes, files }, plan, Path::new("/data")).level;
        assert_eq!(level(plan.disk() - 1, None), Level::Fail);
        assert_eq!(level(plan.disk(), None), Level::Warn);
        assert_eq!(level(plan.disk() * SPARE, Some(FILES)), Level::Ok);
        assert_eq!(level(plan.disk() * SPARE, Some(FILES - 1)), Level::Fail);
    }

    #[test]
    fn a_sync_above_ten_milliseconds_is_told_and_above_a_hundred_fails() {
        let found = |millis: u64| {
            let time = Duration::from_millis(millis);
            sync(&Latency { count: 36, p50: time, p99: time, max: time }, 1_024)
        };
        assert_eq!(found(1).level, Level::Ok);
        assert!(found(1).found.contains("1,000 commits a second, and in full batches 1,024,000 orders"));
        assert_eq!([10, 11, 100, 101].map(|ms| found(ms).level), [Level::Ok, Level::Warn, Level::Warn, Level::Fail]);
    }

    #[test]
    fn what_does_not_outlast_the_machine_fails_and_what_lasts_with_a_container_is_told() {
        for (what, level) in [
            (Medium::Disk, Level::Ok),
            (Medium::Memory("tmpfs".to_owned()), Level::Fail),
            (Medium::Container("overlay".to_owned()), Level::Warn),
            (Medium::Network("nfs4".to_owned()), Level::Fail),
            (Medium::Network("fuse.sshfs".to_owned()), Level::Warn),
            (Medium::Network("9p".to_owned()), Level::Warn),
        ] {
            assert_eq!(medium(&what).level, level, "{what:?}");
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_fails() {
        let reading = |may_write_folder, may_write_file, is_read_only| Reading {
            may_write_folder,
            may_write_file,
            is_read_only,
            room: None,
        };
        let level = |reading| access(Path::new("/"), Path::new("/sale.db"), &reading).level;
        assert_eq!(level(reading(true, true, false)), Level::Ok);
        for unusable in [reading(false, true, false), reading(true, false, false), reading(true, true, true)] {
            assert_eq!(level(unusable), Level::Fail);
        }
    }
}
