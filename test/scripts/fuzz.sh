#!/usr/bin/env bash
# Runs every fuzz target of the module for the time given (go test -fuzz takes
# one target at a time). Usage: fuzz.sh 5s
set -euo pipefail
cd "$(dirname "$0")/../.."
time=${1:?usage: fuzz.sh TIME}
go=${GO:-go}
count=0
while IFS=: read -r file line; do
	target=${line#func }
	target=${target%%(*}
	output=$(CGO_ENABLED=0 "$go" test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x "./$(dirname "$file")" 2>&1) || {
		echo "$output" >&2
		echo "fuzz: $target in $(dirname "$file") failed" >&2
		exit 1
	}
	count=$((count + 1))
	echo "fuzz: $(dirname "$file") $target ok"
done < <(test/scripts/sources.sh '*_test.go' | xargs -r -d '\n' grep -H '^func Fuzz')
((count > 0)) || {
	echo "fuzz: no target found" >&2
	exit 1
}
echo "fuzz: $count targets, $time each"
