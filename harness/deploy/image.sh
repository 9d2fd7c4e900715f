#!/usr/bin/env bash
# Builds the container image of the staged binary in target/stage: image.sh TAG [OPTION OF DOCKER BUILD...].
set -euo pipefail
cd "$(dirname "$0")/../.."
tag=$1
shift

# The certificates are those of the machine that builds; DIST_CA_BUNDLE names others.
bundle=${DIST_CA_BUNDLE:-/etc/ssl/certs/ca-certificates.crt}
[ -r target/stage/amiproof ] || { printf 'error: there is no target/stage/amiproof\n\nhint: make dist\n' >&2; exit 2; }
[ -r "$bundle" ] || { printf 'error: %s cannot be read\n\nhint: name a file of certificates with DIST_CA_BUNDLE\n' "$bundle" >&2; exit 2; }

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir -p "$context"/files/{etc/ssl/certs,usr/bin,home/amiproof,tmp} "$context/runs"
chmod -R a+rX,go-w "$context"
chmod 1777 "$context/files/tmp"
install -m 755 target/stage/amiproof "$context/files/usr/bin"
install -m 644 "$bundle" "$context/files/etc/ssl/certs/ca-certificates.crt"
# Credentials of the AWS CLI are looked for in the home folder.
printf 'root:x:0:0::/:/sbin/nologin\namiproof:x:65532:65532::/home/amiproof:/sbin/nologin\n' >"$context/files/etc/passwd"
printf 'root:x:0:\namiproof:x:65532:\n' >"$context/files/etc/group"

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
docker build --tag "$tag" --file harness/deploy/Dockerfile --build-arg "VERSION=$version" "$@" "$context"
