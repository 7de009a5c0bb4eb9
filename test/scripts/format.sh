#!/usr/bin/env bash
# Fails and lists the files that gofmt would change. A file that is deleted but
# not yet committed is passed over.
set -euo pipefail
cd "$(dirname "$0")/../.."
git ls-files -co --exclude-standard --deduplicate '*.go' | sort |
	comm -23 - <(git ls-files -d '*.go' | sort) >"${list:=$(mktemp)}"
