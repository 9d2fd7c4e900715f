#!/usr/bin/env bash
# `make dist`: builds the release and everything that is published with it into target/artifacts. Needs Rust, Python with venv, git and a
# network for what it installs below target/dist-tools, and no root. README "Install" and the Makefile say what can be chosen.
set -euo pipefail
cd "$(dirname "$0")/../.."
started=$(date -u +%Y-%m-%dT%H:%M:%SZ)

target=${DIST_TARGET:-x86_64-unknown-linux-musl}
key=${DIST_KEY:-}
tools=$PWD/target/dist-tools
out=$PWD/target/artifacts
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
name=amiproof-$version-$target

fail() { # fail WHAT_HAPPENED WHAT_TO_DO
  printf 'error: %s\n\nhint: %s\n' "$1" "$2" >&2
  exit 2
}

check() {
  rustc --print target-libdir --target "$target" >/dev/null 2>&1 || fail "Rust knows no target $target" "rustc --print target-list names them"
  [ -d "$(rustc --print target-libdir --target "$target")" ] ||
    fail "the standard library for $target is not installed" "rustup target add $target"
  [ -z "$key" ] || [ -r "$key" ] || fail "DIST_KEY: $key cannot be read" "give the path of a private key in PEM, or none"
  # What is signed must be what the commit says.
  [ -z "$key" ] || [ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed" "commit them before a signed release"
}

install_tools() {
  mkdir -p "$tools"
  local crate wanted
  while read -r crate wanted; do
    # Does nothing if this version is there.
    cargo install "$crate" --version "$wanted" --locked --quiet --root "$tools"
  done < <(grep -v '^#' harness/deploy/tools.txt)
  if ! cmp -s harness/deploy/requirements.txt "$tools/requirements.txt"; then
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check -r harness/deploy/requirements.txt
    cp harness/deploy/requirements.txt "$tools/requirements.txt"
  fi
  export PATH=$tools/venv/bin:$tools/bin:$PATH
}

# The same bytes wherever and whenever it is built: no path and no time of the machine is in them.
build() {
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
  export SOURCE_DATE_EPOCH CARGO_INCREMENTAL=0
  export CARGO_ZIGBUILD_CACHE_DIR=$tools/zigbuild ZIG_GLOBAL_CACHE_DIR=$tools/zig-cache ZIG_LOCAL_CACHE_DIR=$tools/zig-cache
  CARGO_ENCODED_RUSTFLAGS=$(printf -- '--remap-path-prefix=%s=/cargo\x1f--remap-path-prefix=%s=.' "${CARGO_HOME:-$HOME/.cargo}" "$PWD")
  export CARGO_ENCODED_RUSTFLAGS
  # Zig links executables at fixed addresses unless it is told to.
  cargo-zigbuild rustc --locked --profile dist --target "$target" --package amiproof --bin amiproof -- -C link-arg=-pie
  unset CARGO_ENCODED_RUSTFLAGS
  binary=${CARGO_TARGET_DIR:-target}/$target/dist/amiproof
}

stage() {
  local generator=$binary
  if ! "$binary" --version >/dev/null 2>&1; then
    echo "$target cannot run here: completions and manual pages come from a build for this machine"
    cargo build --locked --workspace --bins
    generator=${CARGO_TARGET_DIR:-target}/debug/amiproof
  fi
  harness/deploy/stage.sh "$binary" target/stage "$generator"
}

archive() {
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu \
    --transform "s,^\.,$name," -C target/stage -c --exclude=./debian . | gzip -9n >"$out/$name.tar.gz"
}

bill_of_materials() {
  local made=harness/cli/amiproof_bin.cdx.json bom=$out/$name.cdx.json
  cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$target" --describe binaries --manifest-path harness/cli/Cargo.toml
  sed "s,path+file://$PWD/,path+file:///,g" "$made" >"$bom"
  rm "$made"
  python - "$bom" <<'PYTHON'
import pathlib, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

problem = JsonStrictValidator(SchemaVersion.V1_5).validate_str(pathlib.Path(sys.argv[1]).read_text())
sys.exit(f"{sys.argv[1]} is not CycloneDX 1.5: {problem}" if problem else 0)
PYTHON
}

sign() {
  python harness/deploy/provenance.py --folder "$out" --name "$name" --target "$target" --started "$started" ${key:+--key "$key"}
  (cd "$out" && sha256sum -- * >SHA256SUMS)
  if [ -n "$key" ]; then
    openssl dgst -sha256 -sign "$key" -out "$out/SHA256SUMS.sig" "$out/SHA256SUMS"
  fi
}

check
install_tools
build
rm -rf "$out"
mkdir -p "$out"
stage
archive
harness/deploy/deb.sh "$out" --target "$target" --profile dist
if command -v lintian >/dev/null; then
  lintian --fail-on error,warning --no-cfg --color never "$out"/*.deb
fi
bill_of_materials
sign
ls -l "$out"
