#!/usr/bin/env bash
# Lists the files of the working tree that match a pattern, committed or new,
# without those that git ignores or that are deleted but not yet committed.
# Usage: sources.sh '*.go'
set -euo pipefail
cd "$(dirname "$0")/../.."
git ls-files -co --exclude-standard -- "${1:?usage: sources.sh PATTERN}" | while IFS= read -r file; do
	if [[ -e $file ]]; then
		echo "$file"
	fi
done
