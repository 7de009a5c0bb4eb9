#!/usr/bin/env bash
# Regenerates the code of proto/ into a copy and fails if it differs from what
# is committed. Usage: generated.sh BUF
set -euo pipefail
cd "$(dirname "$0")/../.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r proto go.mod go.sum "$copy/"
find "$copy/proto" -name '*.pb.go' -delete
(cd "$copy/proto" && "$1" generate)
diff -r proto "$copy/proto" || {
	echo "generated code is out of date: run make generate and commit" >&2
	exit 1
}
echo "generated: proto is up to date"
