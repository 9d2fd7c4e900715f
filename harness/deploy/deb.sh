#!/usr/bin/env bash
# Makes the Debian package of the staged files in target/stage: deb.sh FOLDER [OPTION OF CARGO-DEB...].
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$1
shift

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
# Who makes a package answers for it: Debian's own variables say who that is, or else the last commit.
name=${DEBFULLNAME:-$(git log -1 --format=%an)}
address=${DEBEMAIL:-$(git log -1 --format=%ae)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

mkdir -p "$folder" target/stage/debian
{
  printf 'amiproof (%s-1) unstable; urgency=medium\n\n' "$version"
  printf '  * Release %s; see changelog.gz for what changed.\n\n' "$version"
  printf ' -- %s <%s>  %s\n' "$name" "$address" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")"
} >target/stage/debian/changelog
gzip -9nc CHANGELOG.md >target/stage/debian/changelog.gz

# Quiet, for it warns of every path below target/ that cargo does not build.
cargo deb --quiet --no-build --no-strip --locked --manifest-path harness/cli/Cargo.toml --maintainer "$name <$address>" \
  --deb-version "$version-1" --output "$folder" "$@"
