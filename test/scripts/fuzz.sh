#!/usr/bin/env bash
# Runs every fuzz target of the module for the time given (go test -fuzz takes
# one target at a time). Usage: fuzz.sh 5s
set -euo pipefail
cd "$(dirname "$0")/../.."
time=${1:?usage: fuzz.sh TIME}
go=${GO:-go}

# run_target FILE TARGET: prints what go test printed, and fails as it does.
run_target() {
	CGO_ENABLED=0 "$go" test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 10x "./$(dirname "$1")" 2>&1
}

# time_ran_out OUTPUT: on a busy machine go test may call it a failure that the
# time ran out within one input. A real finding always names the input that it
# wrote.
time_ran_out() {
	grep -q 'context deadline exceeded' <<<"$1" && ! grep -q 'Failing input written to' <<<"$1" &&
		! grep -qE 'panic:|_test\.go:' <<<"$1"
}

count=0
while IFS=: read -r file line; do
	target=${line#func }
	target=${target%%(*}
	result=ok
	output=$(run_target "$file" "$target") || {
		time_ran_out "$output" || {
			echo "$output" >&2
			echo "fuzz: $target in $(dirname "$file") failed" >&2
			exit 1
		}
		result='ok (time ran out within an input)'
	}
	count=$((count + 1))
	echo "fuzz: $(dirname "$file") $target $result"
done < <(test/scripts/sources.sh '*_test.go' | xargs -r -d '\n' grep -H '^func Fuzz')
((count > 0)) || {
	echo "fuzz: no target found" >&2
	exit 1
}
echo "fuzz: $count targets, $time each"
