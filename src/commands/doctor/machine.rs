//! **Job:** checks memory and cores.
//! **Owns:** how much of the memory a sale may take.
//! **Never:** counts what only a container's host has.

use indicatif::{HumanBytes, HumanCount};
use procfs::Current as _;

use super::cgroup;
use super::finding::Finding;
use super::ledger::Planned;
use crate::config::Config;
use crate::server;

pub(super) fn findings(config: &Config, planned: Planned) -> Vec<Finding> {
    let group = cgroup::read();
    let available = procfs::Meminfo::current().ok().and_then(|memory| memory.mem_available);
    let available = [available, group.memory].into_iter().flatten().min();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut findings: Vec<_> = available.map(|available| memory(available, planned)).into_iter().collect();
    findings.push(workers(usize::from(server::needs(config).workers), cores, group.cores));
    findings
}

fn memory(available: u64, planned: Planned) -> Finding {
    let (name, needed) = ("memory", planned.memory());
    let found = format!(
        "{} to be had; the orders that there are and the {} that may come take {}",
        HumanBytes(available),
        HumanCount(planned.units),
        HumanBytes(needed)
    );
    let advice = "give the machine, or its container, more memory (memory.max), or sell the stock in several sales";
    if needed > available {
        Finding::fail(name, found, advice)
    } else if needed > available / 2 {
        Finding::warn(name, format!("{found}: more than half"), advice)
    } else {
        Finding::ok(name, found)
    }
}

fn workers(workers: usize, cores: usize, quota: Option<f64>) -> Finding {
    let (name, found) = ("cores", format!("{workers} workers on {cores} cores"));
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let quota = quota.filter(|quota| *quota < workers as f64);
    if let Some(quota) = quota {
        let found =
            format!("{found}, but its group may use {quota:.1} cores: it will be stopped in the middle of work");
        let advice = "raise the quota (CPUQuota=, cpu limit), or set server.workers to as many as it allows";
        Finding::warn(name, found, advice)
    } else if workers > cores {
        Finding::warn(name, format!("{found}: more would only queue"), "set server.workers = 0: one per core")
    } else {
        Finding::ok(name, found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::ledger::Books;
    use super::*;

    #[test]
    fn all_orders_that_may_come_must_fit_into_memory() {
        let text = "[[item]]\nid = \"a\"\ntitle = \"A\"\nunit_price = 1\ncurrency = \"EUR\"\nstock = 1000000\n";
        let planned = Planned::of(&Books::default(), &crate::catalogue::parse(text).expect("valid"));
        let level = |available| memory(available, planned).level;
        assert_eq!(level(planned.memory() - 1), Level::Fail);
        assert_eq!(level(planned.memory()), Level::Warn);
        assert_eq!(level(planned.memory() * 2), Level::Ok);
    }

    #[test]
    fn more_workers_than_cores_or_quota_are_told() {
        assert_eq!(workers(2, 2, None).level, Level::Ok);
        assert_eq!(workers(2, 2, Some(2.0)).level, Level::Ok);
        assert_eq!(workers(2, 2, Some(0.5)).level, Level::Warn);
        assert_eq!(workers(4, 2, None).level, Level::Warn);
    }
}
