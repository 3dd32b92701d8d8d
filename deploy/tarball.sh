#!/bin/sh
# Packs a release for machines without dpkg. Usage: tarball.sh BINARY STAGED VERSION FOLDER, STAGED being what stage.sh has
# written; leaves FOLDER/doorbuster-VERSION-MACHINE-linux.tar.gz and the same with .sha256. The same files make the same
# bytes: names are sorted, owners are numbers, times are SOURCE_DATE_EPOCH.
set -eu
binary=$1 staged=$2 version=$3 folder=$4
top=$(dirname "$0")/..
name=doorbuster-$version-$(uname -m)-linux
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/$name

mkdir -p "$tree/data" "$folder"
install -m 755 "$binary" "$tree/doorbuster"
# Does nothing to a release build, which is stripped already.
strip "$tree/doorbuster"
cp -r "$staged/man" "$staged/completions" "$staged/doorbuster.toml" "$top/deploy" "$tree"
for document in README.md README.zh-CN.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE; do cp "$top/$document" "$tree"; done
cp "$top/data/README.md" "$top/data/catalogue.toml" "$tree/data"
commit=$(git -C "$top" rev-parse HEAD 2>/dev/null || echo unknown)
printf 'doorbuster %s\ncommit %s\n' "$version" "$commit" >"$tree/VERSION"
# Modes are those of who checked the sources out.
chmod -R u=rwX,go=rX "$tree"

tar --sort=name --format=posix --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
  --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$work" -c "$name" | gzip -9n \
  >"$folder/$name.tar.gz"
(cd "$folder" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
