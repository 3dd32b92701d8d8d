//! **Job:** checks the limits of the system against what a crowd needs.
//! **Owns:** which files of `/proc/sys` are looked at, and the commands that change them.
//! **Never:** changes one.

use std::str::FromStr;

use doorbuster_actors::data_file::{LOG, beside};
use indicatif::{HumanBytes, HumanCount};
use rustix::process::{Resource, getrlimit};

use super::finding::Finding;
use super::ledger::Planned;
use crate::config::Config;
use crate::server::{self, Needs};

/// A limit past this is none.
const BEYOND_COUNTING: u64 = 1 << 40;

/// What is said of limits of this process: a service has its own.
const OF_SHELL: &str = "(ulimit -n, LimitNOFILE=)";

pub(super) fn findings(config: &Config, planned: Planned) -> Vec<Finding> {
    let needs = server::needs(config);
    let files = getrlimit(Resource::Nofile);
    let files = Files { soft: files.current, hard: files.maximum };
    let room = server::room(config, usize::try_from(files.hard.unwrap_or(u64::MAX)).unwrap_or(usize::MAX));
    let mut findings = vec![open_files(files, room, needs), file_size(config, planned)];
    findings.extend(read("/proc/sys/fs/file-max").map(|most| system_files(most, needs)));
    findings.extend(read("/proc/sys/net/core/somaxconn").map(|queue| accept_queue(queue, needs)));
    findings.extend(read("/proc/sys/net/ipv4/tcp_max_syn_backlog").map(|queue| syn_queue(queue, needs)));
    findings.extend(port_range().map(|ports| local_ports(ports, room)));
    findings
}

/// A number that the system keeps there; none where it does not.
fn read<T: FromStr>(path: &str) -> Option<T> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// First and last port of connections that begin here.
fn port_range() -> Option<(u16, u16)> {
    let text: String = read("/proc/sys/net/ipv4/ip_local_port_range")?;
    let mut ports = text.split_whitespace().map(|port| port.parse().ok());
    Some((ports.next()??, ports.next()??))
}

/// `RLIMIT_NOFILE`; none: no limit.
#[derive(Debug, Clone, Copy)]
struct Files {
    soft: Option<u64>,
    hard: Option<u64>,
}

/// The start raises the soft limit to the hard one.
fn open_files(files: Files, room: Option<usize>, needs: Needs) -> Finding {
    let name = "open-files";
    let shown = |limit: Option<u64>| limit.map_or("none".to_owned(), |limit| HumanCount(limit).to_string());
    let limits = format!("limit {}, raised by the start to {}", shown(files.soft), shown(files.hard));
    let full = needs.open_files_in_full;
    let advice = format!("raise the hard limit {OF_SHELL}: LimitNOFILE={full} in the service, or ulimit -Hn {full}");
    let Some(room) = room else {
        let needed = HumanCount(needs.open_files as u64);
        return Finding::fail(name, format!("{limits}: a start needs {needed} and is refused"), advice);
    };
    let found = format!("{limits}: room for {} public connections", HumanCount(room as u64));
    // Who asked for fewer has them all.
    let is_full = files.hard.is_none_or(|hard| hard >= full as u64);
    if is_full || room >= usize::try_from(needs.backlog).unwrap_or(usize::MAX) {
        Finding::ok(name, found)
    } else {
        let few = format!("{found}, fewer than the {} that may arrive at once", HumanCount(needs.backlog.into()));
        Finding::warn(name, few, advice)
    }
}

fn file_size(config: &Config, planned: Planned) -> Finding {
    let length = |suffix| std::fs::metadata(beside(&config.storage.path, suffix)).map_or(0, |file| file.len());
    judge_file_size(getrlimit(Resource::Fsize).current, length("").max(length(LOG)), planned)
}

fn judge_file_size(limit: Option<u64>, length: u64, planned: Planned) -> Finding {
    let name = "file-size";
    let Some(limit) = limit else { return Finding::ok(name, "a file may grow as long as there is room") };
    let needed = length.saturating_add(planned.disk());
    let found = format!("a file may have {}; the planned orders need {}", HumanBytes(limit), HumanBytes(needed));
    if limit >= needed {
        Finding::ok(name, found)
    } else {
        Finding::fail(name, found, "ulimit -f unlimited, or LimitFSIZE=infinity in the service")
    }
}

fn system_files(most: u64, needs: Needs) -> Finding {
    let (name, full) = ("system-files", needs.open_files_in_full as u64);
    let most_shown = if most > BEYOND_COUNTING { "any number of".to_owned() } else { HumanCount(most).to_string() };
    let found = format!("the system opens {most_shown} files in all, the server up to {}", HumanCount(full));
    if most >= full.saturating_mul(2) {
        Finding::ok(name, found)
    } else {
        Finding::warn(name, found, format!("sysctl -w fs.file-max={}", full * 2))
    }
}

fn accept_queue(queue: u32, needs: Needs) -> Finding {
    let (name, wanted) = ("accept-queue", needs.backlog);
    let found = format!("net.core.somaxconn is {queue}; each listener asks for {wanted}");
    if queue >= wanted {
        Finding::ok(name, found)
    } else {
        let found = format!("{found}: the system drops connections of a crowd that comes in one second");
        Finding::warn(name, found, format!("sysctl -w net.core.somaxconn={wanted}"))
    }
}

fn syn_queue(queue: u32, needs: Needs) -> Finding {
    let (name, wanted) = ("syn-queue", needs.backlog);
    let found = format!("net.ipv4.tcp_max_syn_backlog is {queue}");
    if queue >= wanted {
        Finding::ok(name, found)
    } else {
        let advice = format!("sysctl -w net.ipv4.tcp_max_syn_backlog={wanted}");
        Finding::warn(name, format!("{found}, less than the {wanted} that may wait to be accepted"), advice)
    }
}

/// A proxy on this machine uses one for each connection to the server.
fn local_ports((first, last): (u16, u16), room: Option<usize>) -> Finding {
    let (name, ports) = ("local-ports", usize::from(last.saturating_sub(first)) + 1);
    let found = format!("net.ipv4.ip_local_port_range has {ports} ports for a proxy on this machine");
    if room.is_none_or(|room| ports >= room) {
        Finding::ok(name, found)
    } else {
        let advice = "sysctl -w net.ipv4.ip_local_port_range='10240 65535', or have the proxy keep connections open";
        Finding::warn(name, format!("{found}, fewer than public connections"), advice)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::ledger::Books;
    use super::*;

    const NEEDS: Needs = Needs { backlog: 4_096, workers: 2, open_files: 128, open_files_in_full: 20_608 };

    #[test]
    fn the_hard_limit_of_open_files_decides() {
        let level = |hard, room| open_files(Files { soft: Some(64), hard }, room, NEEDS).level;
        assert_eq!(level(Some(100), None), Level::Fail);
        assert_eq!(level(Some(1_024), Some(800)), Level::Warn);
        assert_eq!(level(Some(20_000), Some(19_392)), Level::Ok, "enough for those that arrive at once");
        assert_eq!(level(Some(20_608), Some(20_000)), Level::Ok);
        assert_eq!(level(None, Some(20_000)), Level::Ok);
        let small = Needs { open_files_in_full: 228, ..NEEDS };
        assert_eq!(open_files(Files { soft: Some(64), hard: Some(256) }, Some(100), small).level, Level::Ok);
    }

    #[test]
    fn queues_shorter_than_ours_and_few_ports_are_told() {
        assert_eq!([128, 4_096].map(|queue| accept_queue(queue, NEEDS).level), [Level::Warn, Level::Ok]);
        assert_eq!([512, 4_096].map(|queue| syn_queue(queue, NEEDS).level), [Level::Warn, Level::Ok]);
        assert_eq!([30_000, 1 << 20].map(|most| system_files(most, NEEDS).level), [Level::Warn, Level::Ok]);
        let ports = |first, last| local_ports((first, last), Some(20_000)).level;
        assert_eq!([ports(50_000, 60_000), ports(32_768, 60_999)], [Level::Warn, Level::Ok]);
    }

    #[test]
    fn a_file_must_be_allowed_to_grow_by_the_planned_orders() {
        let planned = Planned::of(&Books::default(), &[]);
        let level = |limit, length| judge_file_size(limit, length, planned).level;
        assert_eq!(level(None, 0), Level::Ok);
        assert_eq!(level(Some(planned.disk()), 0), Level::Ok);
        assert_eq!(level(Some(planned.disk()), 1), Level::Fail);
    }
}
