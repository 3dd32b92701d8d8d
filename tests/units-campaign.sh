#!/bin/bash
# The units under a systemd that really runs, of Debian 12, in namespaces of its own: installation, first start, sale,
# restart, upgrade, crash, refusal and removal. Usage, as root: units-campaign.sh PACKAGE LATER_PACKAGE FOLDER. FOLDER
# keeps the tree (debootstrap) for the next time.
set -euo pipefail
package=$(realpath "$1") later=$(realpath "$2") folder=$(mkdir -p "$3" && realpath "$3")
here=$(realpath "$(dirname "$0")/..")
tree=$folder/tree
group=/sys/fs/cgroup/units-campaign
[ -d /sys/fs/cgroup/unified ] && group=/sys/fs/cgroup/unified/units-campaign

if [ ! -e "$folder/ready" ]; then
    rm -rf "$tree"
    debootstrap --variant=minbase --include=systemd,systemd-sysv,procps,curl bookworm "$tree" >"$folder/debootstrap.log"
    touch "$folder/ready"
fi
# The tree itself stays as it is: what a run changes lies over it.
rm -rf "$folder/over" "$folder/work"
mkdir -p "$folder/over/campaign" "$folder/over/etc/systemd/system" "$folder/work" "$folder/machine"
cp "$package" "$folder/over/campaign/one.deb"
cp "$later" "$folder/over/campaign/two.deb"
cp "$here/tests/units-campaign-inside.sh" "$folder/over/campaign/campaign.sh"
for unit in systemd-udevd.service systemd-logind.service systemd-timesyncd.service getty.target; do
    ln -s /dev/null "$folder/over/etc/systemd/system/$unit"
done

boot='
set -e
cd "$1"
mount --make-rprivate /
mount -t overlay -o lowerdir=tree,upperdir=over,workdir=work overlay machine
cd machine
mount -t proc proc proc
mount -t sysfs sysfs sys
umount -R sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs dev
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
mkdir -p old
pivot_root . old
umount -l old
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=multi-user.target
'
mkdir -p "$group"
(
    echo "$BASHPID" >"$group/cgroup.procs"
    exec unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup bash -c "$boot" boot "$folder"
) >"$folder/systemd.log" 2>&1 &
outer=$!
end() {
    # unshare takes no notice of SIGTERM, and systemd dies with it.
    kill -KILL "$outer" 2>/dev/null || true
    wait "$outer" 2>/dev/null || true
    for _ in $(seq 50); do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep 0.1
    done
}
trap end EXIT

inside() {
    init=$(pgrep --parent "$outer") &&
        nsenter --target "$init" --mount --pid --uts --ipc --net --cgroup env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
for _ in $(seq 300); do
    state=$(inside systemctl is-system-running 2>/dev/null || true)
    case $state in running | degraded) break ;; esac
    sleep 0.1
done
inside bash /campaign/campaign.sh
