#!/usr/bin/env bash
# Proves the two commands of the README on a machine that is fresh: a minimal
# Debian in a chroot with git, make, ca-certificates and Go, no compiler, and a
# clone of the last commit. There `make demo` runs as a user without rights,
# then once more without any network; then `make test` runs as root.
#
# Usage, as root: fresh.sh [demo|test]     one of the two only; default: both
#
#   FRESH_DIR=DIR         where the machine is built, in a folder of its own
#                         (default /var/tmp; about 6 GB)
#   FRESH_SUITE=NAME      the Debian release (default bookworm)
#   FRESH_SHARE_CACHE=1   take modules from this machine's module cache, which
#                         is mounted read-only, instead of downloading them
#
# How this machine reaches Debian and the Go modules (mirror, proxies, resolver,
# certificates) is read from its configuration and given to the fresh one.
#
# The machine lives in mount and process namespaces of its own: whatever ends
# this script, its mounts and processes end with it. Its folder is removed, after
# a failure or Ctrl-C too; only kill -9 leaves it, with nothing mounted in it.
set -euo pipefail
cd "$(dirname "$0")"

work=
machine=

fail() {
	echo "fresh: $*" >&2
	exit 1
}

check_host() {
	local program
	for program in debootstrap unshare setpriv ip git go; do
		command -v "$program" >/dev/null ||
			fail "$program is missing: apt-get install debootstrap util-linux iproute2 git, and Go from https://go.dev/dl"
	done
	[[ $(id -u) == 0 ]] || fail "debootstrap, mount and chroot need root: sudo --preserve-env=PATH make fresh"
	unshare --mount true 2>/dev/null || fail "this root may not create a mount namespace (CAP_SYS_ADMIN); run outside of the container"
	[[ -z $(git status --porcelain) ]] ||
		echo "fresh: note: changes that are not committed are not part of the clone"
}

# Without unshare the kernel ends all processes of the namespace.
clean_up() {
	local status=$?
	trap - EXIT INT TERM HUP
	if [[ -n $machine ]] && kill -KILL "$machine" 2>/dev/null; then
		wait "$machine" 2>/dev/null || true
	fi
	[[ -z $work ]] || remove_work
	exit "$status"
}

# The last of those processes may still write for a moment, hence the retries.
remove_work() {
	local error
	for _ in 1 2 3 4 5; do
		! error=$(rm -rf --one-file-system "$work" 2>&1) || return 0
		sleep 1
	done
	echo "fresh: cannot remove $work, please do: $error" >&2
}

# A background job would ignore Ctrl-C, and so would every test in it: job
# control (set -m) gives it a process group and the usual signals.
run_machine() {
	set -m
	setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child ./fresh-machine.sh "$work" "$@" </dev/null &
	machine=$!
	set +m
	local status=0
	wait "$machine" || status=$?
	machine=
	return "$status"
}

case ${1:-both} in
demo | test | both) part=${1:-both} ;;
*) fail "unknown part '$1'; usage: fresh.sh [demo|test]" ;;
esac
check_host
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
work=$(mktemp -d "${FRESH_DIR:-/var/tmp}/badgekms-fresh.XXXXXX")
run_machine "$part"
