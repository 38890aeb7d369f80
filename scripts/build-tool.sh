#!/usr/bin/env bash
# build-tool.sh MODULE_DIR PACKAGE OUTPUT: builds a tool from its own module, without cgo.
# Older versions of the same tool beside OUTPUT are removed.
set -euo pipefail

module=$1 package=$2 output=$PWD/$3
name=$(basename "$package")

started=$SECONDS
mkdir -p "$(dirname "$output")"
rm -f "$(dirname "$output")/$name"-*
(cd "$module" && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$output.new" "$package")
mv "$output.new" "$output"
echo "built $(basename "$output") in $((SECONDS - started)) s"
