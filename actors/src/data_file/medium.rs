//! **Job:** how long what lies in a folder lasts: on a disk, as long as a container, or as long as the machine runs;
//! and whether the disk is this machine's.
//! **Owns:** which file systems are which.
//! **Never:** refuses one: whoever tries something out may want memory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The mounts that this process sees (`man 5 proc_pid_mountinfo`).
const MOUNTS: &str = "/proc/self/mountinfo";

/// File systems in memory.
const IN_MEMORY: [&str; 4] = ["tmpfs", "ramfs", "devtmpfs", "rootfs"];

/// Block devices in memory.
const MEMORY_DEVICES: [&str; 2] = ["/dev/ram", "/dev/zram"];

/// File systems that containers have their own files on.
const OF_CONTAINERS: [&str; 2] = ["overlay", "aufs"];

/// File systems of other machines. SQLite's log needs memory that all its readers share, and locks that hold.
const ON_A_NETWORK: [&str; 15] = [
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "ceph", "lustre", "gpfs", "beegfs", "9p",
    "virtiofs", "vboxsf",
];

/// How file systems outside the kernel begin: what is behind one cannot be seen.
const OUTSIDE_THE_KERNEL: &str = "fuse";

/// A volume of Kubernetes that is deleted with its pod.
const EMPTY_DIR: &str = "kubernetes.io~empty-dir";

/// What a file survives where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Medium {
    /// A power cut, as far as anybody can see.
    Disk,
    /// Not the container it is in.
    Container(String),
    /// Nothing that ends the machine. No sync changes that.
    Memory(String),
    /// Whatever another machine, or a program, makes of it.
    Network(String),
}

impl Medium {
    /// That of a file, or of the folder where it will be. What cannot be found out is taken for a disk.
    #[must_use]
    pub fn of(file: &Path) -> Self {
        let found = std::fs::read_to_string(MOUNTS).ok();
        found.and_then(|mounts| Self::among(&mounts, &real(file)?)).unwrap_or(Self::Disk)
    }

    /// What its operator should hear; nothing of a disk.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        match self {
            Self::Disk => None,
            Self::Container(kind) => {
                Some(format!("the data file is the container's own ({kind}) and is lost with it: mount a volume"))
            }
            Self::Memory(kind) => {
                Some(format!("the data file is in memory ({kind}): a power cut takes every order, whatever was synced"))
            }
            Self::Network(kind) => Some(format!(
                "the data file is on another machine's or a program's file system ({kind}), whose locks and syncs are \
                 not to be relied on: use a disk of this machine"
            )),
        }
    }

    fn among(mounts: &str, file: &Path) -> Option<Self> {
        let holding = mounts.lines().filter_map(Mount::parse).filter(|mount| file.starts_with(&mount.point));
        // Of two on the same folder the later one is seen.
        holding.max_by_key(|mount| mount.point.components().count()).map(|mount| mount.medium())
    }
}

struct Mount<'a> {
    point: PathBuf,
    root: &'a str,
    kind: &'a str,
    device: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, point) = (mount.next()?, unescaped(mount.next()?));
        let mut file_system = file_system.split(' ');
        let (kind, device) = (file_system.next()?, file_system.next()?);
        Some(Self { point, root, kind, device, options: file_system.next().unwrap_or_default() })
    }

    fn medium(&self) -> Medium {
        let kind = self.kind.to_owned();
        let is_device = MEMORY_DEVICES.iter().any(|device| self.device.starts_with(device));
        // An overlay that is mounted so answers a sync without one.
        let never_syncs = self.options.split(',').any(|option| option == "volatile");
        if IN_MEMORY.contains(&self.kind) || never_syncs {
            Medium::Memory(kind)
        } else if is_device {
            Medium::Memory(format!("{kind} on {}", self.device))
        } else if OF_CONTAINERS.contains(&self.kind) {
            Medium::Container(kind)
        } else if ON_A_NETWORK.contains(&self.kind) || self.kind.starts_with(OUTSIDE_THE_KERNEL) {
            Medium::Network(kind)
        } else if self.root.contains(EMPTY_DIR) {
            Medium::Container("emptyDir".to_owned())
        } else {
            Medium::Disk
        }
    }
}

/// The table writes blanks and backslashes as three octal digits.
fn unescaped(text: &str) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..3).filter(|_| byte == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    OsStr::from_bytes(&bytes).into()
}

/// The path without symbolic links, of as much of it as there is.
fn real(file: &Path) -> Option<PathBuf> {
    let file = std::path::absolute(file).ok()?;
    file.ancestors().find_map(|path| path.canonicalize().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w
23 22 254:0 / /data rw,relatime shared:1 - ext4 /dev/vda rw
24 23 0:21 / /data/fast rw - tmpfs tmpfs rw,size=1024k
25 22 0:22 / /dev/shm rw,nosuid shared:4 master:1 - tmpfs tmpfs rw
26 22 254:0 /var/lib/kubelet/pods/1/volumes/kubernetes.io~empty-dir/sale /sale rw - ext4 /dev/vda rw
27 22 0:23 / /quick rw - overlay overlay rw,upperdir=/u,volatile
28 22 1:0 / /a\\040b rw - ext4 /dev/ram0 rw
29 22 0:20 / /twice rw - tmpfs tmpfs rw
30 29 254:0 / /twice rw - xfs /dev/vdb rw
31 22 0:40 / /far rw - nfs4 10.0.0.7:/export rw
32 22 0:41 / /shared rw - fuse.sshfs ann@far: rw
";

    #[test]
    fn the_innermost_mount_decides_what_a_file_survives() {
        let memory = |kind: &str| Medium::Memory(kind.to_owned());
        let container = |kind: &str| Medium::Container(kind.to_owned());
        for (file, medium) in [
            ("/data/sale.db", Medium::Disk),
            ("/database/sale.db", container("overlay")),
            ("/data/fast/sale.db", memory("tmpfs")),
            ("/dev/shm/sale.db", memory("tmpfs")),
            ("/srv/sale.db", container("overlay")),
            ("/sale/sale.db", container("emptyDir")),
            ("/quick/sale.db", memory("overlay")),
            ("/a b/sale.db", memory("ext4 on /dev/ram0")),
            ("/twice/sale.db", Medium::Disk),
            ("/far/sale.db", Medium::Network("nfs4".to_owned())),
            ("/shared/sale.db", Medium::Network("fuse.sshfs".to_owned())),
        ] {
            assert_eq!(Medium::among(TABLE, Path::new(file)), Some(medium), "{file}");
        }
    }

    #[test]
    fn a_table_that_cannot_be_read_says_nothing() {
        for table in ["", "x", "1 2 3 - ", "22 1 0:20 / "] {
            assert_eq!(Medium::among(table, Path::new("/data")), None, "{table:?}");
        }
    }
}
