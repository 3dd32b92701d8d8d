//! **Job:** reads what a container, or a service manager, lets this process have.
//! **Owns:** where both versions of control groups keep it.
//! **Never:** fails: what cannot be read is no limit.

use std::path::{Path, PathBuf};

/// Where they are mounted.
const MOUNT: &str = "/sys/fs/cgroup";

/// Limits of this process's groups, the narrowest of each.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Group {
    /// Bytes of memory that are still to be had.
    pub(super) memory: Option<u64>,
    /// Cores' worth of time.
    pub(super) cores: Option<f64>,
}

pub(super) fn read() -> Group {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    read_below(Path::new(MOUNT), &own)
}

fn read_below(mount: &Path, own: &str) -> Group {
    // `0::/path`: the group of the one hierarchy. Inside a container it is often not the path that is seen there.
    let unified = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let folder = mount.join(unified);
    let groups: Vec<PathBuf> =
        folder.ancestors().take_while(|group| group.starts_with(mount)).map(Path::to_owned).collect();
    let mut all = groups.iter().map(|group| of(group)).collect::<Vec<_>>();
    all.push(of_version_1(mount));
    let least = |one: f64, other: f64| one.min(other);
    Group {
        memory: all.iter().filter_map(|group| group.memory).min(),
        cores: all.iter().filter_map(|group| group.cores).reduce(least),
    }
}

fn of(group: &Path) -> Group {
    let text = |name: &str| std::fs::read_to_string(group.join(name)).ok();
    let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
    let memory = number("memory.max").map(|most| most.saturating_sub(number("memory.current").unwrap_or(0)));
    let cores = text("cpu.max").and_then(|text| {
        let (quota, period) = text.trim().split_once(' ')?;
        share(quota, period)
    });
    Group { memory, cores }
}

fn of_version_1(mount: &Path) -> Group {
    let text = |name: &str| std::fs::read_to_string(mount.join(name)).ok();
    let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
    let limit = number("memory/memory.limit_in_bytes");
    let used = number("memory/memory.usage_in_bytes").unwrap_or(0);
    let (quota, period) = (text("cpu/cpu.cfs_quota_us"), text("cpu/cpu.cfs_period_us"));
    let cores = quota.zip(period).and_then(|(quota, period)| share(&quota, &period));
    // No limit is written as the largest number of pages.
    Group { memory: limit.filter(|limit| *limit < 1 << 60).map(|limit| limit.saturating_sub(used)), cores }
}

/// `max` and `-1` are none.
fn share(quota: &str, period: &str) -> Option<f64> {
    let (quota, period): (u32, u32) = (quota.trim().parse().ok()?, period.trim().parse().ok()?);
    (period > 0).then(|| f64::from(quota) / f64::from(period))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_narrowest_limit_on_the_way_up_counts() {
        let mount = tempfile::tempdir().expect("a folder for the test");
        let inner = mount.path().join("shop/sale");
        fs::create_dir_all(&inner).expect("it can be made");
        for (name, text) in [
            ("shop/memory.max", "1000\n"),
            ("shop/memory.current", "300\n"),
            ("shop/cpu.max", "150000 100000\n"),
            ("shop/sale/memory.max", "max\n"),
            ("shop/sale/cpu.max", "max 100000\n"),
        ] {
            fs::write(mount.path().join(name), text).expect("writable");
        }
        let group = read_below(mount.path(), "0::/shop/sale\n");
        assert_eq!(group, Group { memory: Some(700), cores: Some(1.5) });
        assert_eq!(read_below(mount.path(), "0::/\n"), Group::default());
        assert_eq!(read_below(mount.path(), ""), Group::default());
    }

    #[test]
    fn the_first_version_is_understood() {
        let mount = tempfile::tempdir().expect("a folder for the test");
        for folder in ["memory", "cpu"] {
            fs::create_dir(mount.path().join(folder)).expect("it can be made");
        }
        let write = |name: &str, text: &str| fs::write(mount.path().join(name), text).expect("writable");
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        write("cpu/cpu.cfs_quota_us", "-1\n");
        write("cpu/cpu.cfs_period_us", "100000\n");
        assert_eq!(read_below(mount.path(), "4:memory:/\n"), Group::default());
        write("memory/memory.limit_in_bytes", "1000\n");
        write("cpu/cpu.cfs_quota_us", "50000\n");
        assert_eq!(read_below(mount.path(), ""), Group { memory: Some(1000), cores: Some(0.5) });
    }
}
