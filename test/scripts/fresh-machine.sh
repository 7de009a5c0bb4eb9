#!/usr/bin/env bash
# The inside of fresh.sh, which starts it in namespaces of its own: builds the
# fresh machine in WORK, runs the commands of the README in it, and prints how
# long each step took. Usage: fresh-machine.sh WORK demo|test|both
# shellcheck disable=SC2016 # apt and the shells inside expand what is quoted
# shellcheck disable=SC2317 # step and quietly call by name
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$1
part=$2
root=$work/root
log=$work/log
bundle=$work/badgekms.bundle
suite=${FRESH_SUITE:-bookworm}
summary=()
environment=(PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8)
network=() # what leads into another network namespace, see offline

# The first process of a process namespace is deaf to signals it does not handle.
trap 'exit 130' INT TERM

fail() {
	echo "fresh: $*" >&2
	exit 1
}

# quietly keeps the output of tools that are not on trial, for a failure.
quietly() {
	"$@" >"$log" 2>&1 || {
		tail -n 40 "$log" >&2
		fail "$1 failed, see above"
	}
}

# step NAME COMMAND... runs and times one step; a failed one is the last. The
# subshell keeps `set -e` alive inside, which a function before || switches off.
step() {
	local name=$1 start=$SECONDS status
	shift
	printf '\n== fresh: %s\n' "$name"
	set +e
	(
		set -e
		"$@"
	)
	status=$?
	set -e
	add_line "$name" $((SECONDS - start)) "$( ((status == 0)) && echo ok || echo "FAILED, status $status")"
	((status == 0)) || finish "$status"
}

add_line() {
	summary+=("$(printf '%-52s %3dm%02ds  %s' "$1" $(($2 / 60)) $(($2 % 60)) "$3")")
}

finish() {
	local verdict=ok
	(($1 == 0)) || verdict=FAILED
	add_line "in all" "$SECONDS" "$verdict"
	printf '\n== fresh: Debian %s, %s, %d processors, commit %s\n' \
		"$suite" "$(go env GOVERSION)" "$(nproc)" "$(git bundle list-heads "$bundle" HEAD | cut -c1-12)"
	printf '   %s\n' "${summary[@]}"
	exit "$1"
}

# mirror prints where this machine gets the packages of the suite; nothing if
# its sources do not say, and debootstrap takes its own default.
mirror() {
	apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" "Codename: $suite" 2>/dev/null | head -n 1
}

make_debian() {
	local mirror http_proxy=${http_proxy:-}
	mapfile -t mirror < <(mirror)
	eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
	export http_proxy
	mkdir -m 755 "$root"
	quietly debootstrap --variant=minbase --include=git,make,ca-certificates "$suite" "$root" "${mirror[@]}"
	cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
	cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$root/etc/ssl/certs/ca-certificates.crt"
	apt-config dump | sed -nE '/^Acquire::(http|https|Check-|Retries|ForceIPv)/p' >"$root/etc/apt/apt.conf.d/00host"
	quietly chroot "$root" useradd --create-home --shell /bin/bash newcomer
}

# add_go is "a machine with Go": the distribution of go.dev, unpacked.
add_go() {
	cp -a "$(go env GOROOT)" "$root/usr/local/go"
	cp "$bundle" "$root/srv/"
	chmod 644 "$root/srv/badgekms.bundle"
}

# mount_all ends with the namespace. The root is mounted on itself: a program that
# makes its mounts private, as the private pcscd does, needs / to be a mount. /sys
# is read-only: nothing here may set up the machine that runs this.
mount_all() {
	mount --bind "$root" "$root"
	mount -t proc proc "$root/proc"
	mount --rbind /dev "$root/dev"
	mount -t sysfs -o ro sysfs "$root/sys"
	mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
	[[ ${FRESH_SHARE_CACHE:-0} != 1 ]] || {
		mkdir "$root/srv/modules"
		mount --bind "$(go env GOMODCACHE)" "$root/srv/modules"
		mount -o remount,bind,ro "$root/srv/modules"
	}
}

# give_network hands on how this machine reaches modules, and nothing more: with
# GOVCS no repository is asked in place of the module proxy. A shared cache is a
# proxy made of files, so that the modules are still unpacked and checked.
give_network() {
	local name
	environment+=("GOVCS=*:off")
	for name in GOSUMDB GONOSUMDB GOINSECURE GOPROXY; do
		environment+=("$name=$(go env "$name")")
	done
	for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
		[[ -z ${!name:-} ]] || environment+=("$name=${!name}")
	done
	[[ ${FRESH_SHARE_CACHE:-0} != 1 ]] ||
		environment+=("GOPROXY=file:///srv/modules/cache/download,$(go env GOPROXY)")
}

# inside USER HOME SCRIPT runs a line of shell in the machine, as a login would.
inside() {
	"${network[@]}" chroot --userspec="$1:$1" "$root" /usr/bin/env -i "${environment[@]}" \
		HOME="$2" USER="$1" /bin/bash -euc "cd; $3"
}

as_newcomer() { inside newcomer /home/newcomer "$1"; }

# offline COMMAND... gives what it runs inside a loopback and no other network.
offline() {
	network=(unshare --net /bin/sh -euc 'ip link set lo up; exec "$@"' sh)
	environment+=(GOPROXY=off)
	"$@"
}

refuse_compiler() {
	local found
	found=$(as_newcomer 'for c in gcc cc c99 clang g++ pkg-config pcscd; do command -v $c || true; done')
	[[ -z $found ]] || fail "the machine is not fresh, it has: $found"
	echo "no C compiler, no pkg-config, no pcscd"
}

prove_demo() {
	step "no compiler is there" refuse_compiler
	step "git clone, as a user without rights" as_newcomer 'git clone -q /srv/badgekms.bundle badgekms && ls badgekms'
	step "make demo, modules downloaded, everything compiled" as_newcomer 'cd badgekms && make demo'
	step "make demo again, no network" offline as_newcomer 'cd badgekms && make demo'
}

prove_test() {
	step "git clone, as root" inside root /root 'git clone -q /srv/badgekms.bundle badgekms'
	step "make test, from nothing" inside root /root 'cd badgekms && make test'
	step "the system is as it was" inside root /root '
		test ! -e /usr/sbin/policy-rc.d
		test ! -e /run/pcscd/pcscd.comm
		test -z "$(grep -lx pcscd /proc/[0-9]*/comm)"
		test -z "$(git -C badgekms status --porcelain)"'
}

git bundle create --quiet "$bundle" HEAD
step "Debian $suite: minimal, git, make, ca-certificates" make_debian
step "Go, copied in" add_go
mount_all
give_network
[[ $part == test ]] || prove_demo
[[ $part == demo ]] || prove_test
finish 0
