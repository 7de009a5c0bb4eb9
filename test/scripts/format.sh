#!/usr/bin/env bash
# Fails and lists the files that gofmt would change.
set -euo pipefail
cd "$(dirname "$0")/../.."
unformatted=$(test/scripts/sources.sh '*.go' | xargs -r -d '\n' gofmt -l)
[[ -z $unformatted ]] || {
	echo "gofmt would change:" >&2
	echo "$unformatted" >&2
	exit 1
}
