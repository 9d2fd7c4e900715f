#!/usr/bin/env bash
# Lays out what a package holds: stage.sh BINARY FOLDER [GENERATOR]. The archive and the Debian package are made of this folder.
# GENERATOR prints completions and manual pages where the binary itself cannot run, for it is built for another processor.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
binary=$1
folder=$2
generator=${3:-$1}

rm -rf "$folder"
mkdir -p "$folder"/{completions,man,examples}
install -m 755 "$binary" "$folder/amiproof"
install -m 644 "$source"/{README.md,CHANGELOG.md,LICENSE} "$folder"

"$generator" completions bash >"$folder/completions/amiproof.bash"
"$generator" completions zsh >"$folder/completions/_amiproof"
"$generator" completions fish >"$folder/completions/amiproof.fish"
"$generator" man "$folder/man"

cp -R "$source"/harness/{examples/{ci,packer},deploy/shards} "$folder/examples"
cp "$source/fixtures/matrices/demo-waivers.yaml" "$folder/examples"
# Its first line is for editors in a checkout, and names a file that is only there.
sed '1{/yaml-language-server/d}' "$source/fixtures/matrices/demo.yaml" >"$folder/examples/demo.yaml"

# The folder is the same whoever makes it.
find "$folder" -type d -exec chmod 755 {} +
find "$folder" -type f ! -perm -u+x -exec chmod 644 {} +
find "$folder" -type f -perm -u+x -exec chmod 755 {} +
