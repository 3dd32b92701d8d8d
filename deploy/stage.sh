#!/bin/sh
# Writes what a package has beside the program and what the program itself knows best: manual pages, completions, the
# configuration file. Usage: stage.sh BINARY FOLDER VERSION; SOURCE_DATE_EPOCH dates the Debian changelog.
set -eu
binary=$1 folder=$2 version=$3
here=$(dirname "$0")

rm -rf "$folder"
mkdir -p "$folder/man" "$folder/completions"
"$binary" man --to "$folder/man"
gzip -9n "$folder"/man/*.1
"$binary" completions bash >"$folder/completions/doorbuster"
"$binary" completions zsh >"$folder/completions/_doorbuster"
"$binary" completions fish >"$folder/completions/doorbuster.fish"

"$binary" config example >"$folder/example.toml"
sed -f "$here/debian/doorbuster.toml.sed" "$folder/example.toml" >"$folder/doorbuster.toml"
# A key that has another name or default now would be left out without a word.
wanted=$(grep -c '^s|' "$here/debian/doorbuster.toml.sed")
found=$(grep -c '^[a-z_]* = ' "$folder/doorbuster.toml")
[ "$wanted" = "$found" ] || { echo "stage.sh: $found of $wanted keys found in config example" >&2; exit 1; }
rm "$folder/example.toml"

gzip -9n >"$folder/changelog.Debian.gz" <<END
doorbuster ($version) stable; urgency=medium

  * What changed is in /usr/share/doc/doorbuster/changelog.gz.

 -- The Doorbuster developers <doorbuster@localhost>  $(LC_ALL=C date -u -R -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}")
END
