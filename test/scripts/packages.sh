#!/usr/bin/env bash
# Installs the Debian packages that `make test` needs and that are missing,
# printing them first. Uses sudo where it is not root.
set -euo pipefail

# gcc, libc6-dev: cgo and the race detector. pkg-config, libpcsclite-dev: the
# PC/SC client. pcscd, vsmartcard-vpcd: the private pcscd and its virtual reader;
# util-linux: mount, for its namespace. openssl, pcsc-tools: the other side of
# tests that compare with a program that is not ours.
packages=(gcc libc6-dev pkg-config libpcsclite-dev pcscd vsmartcard-vpcd util-linux openssl pcsc-tools)
policy=/usr/sbin/policy-rc.d
policy_is_ours=
as_root=()
log=

fail() {
	echo "packages: $*" >&2
	exit 1
}

missing_packages() {
	local p
	for p in "${packages[@]}"; do
		if ! dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed'; then
			echo "$p"
		fi
	done
}

clean_up() {
	[[ -z $policy_is_ours ]] || "${as_root[@]}" rm -f "$policy"
	rm -f "$log"
}

# pcscd's package would start the system's daemon: the tests bring their own.
# A policy that is already there stays as the owner of the machine wants it.
forbid_daemons() {
	[[ ! -e $policy ]] || return 0
	policy_is_ours=yes
	printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
	"${as_root[@]}" chmod 755 "$policy"
}

# A server that runs unattended upgrades may hold dpkg's lock for a while.
apt_install() {
	"${as_root[@]}" apt-get update &&
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 \
			install -y --no-install-recommends "$@"
}

command -v apt-get dpkg-query >/dev/null ||
	fail "this is not a Debian system; install what these Debian packages hold, then run the steps of 'make test' one by one: ${packages[*]}"
mapfile -t missing < <(missing_packages)
if ((${#missing[@]} == 0)); then
	echo "packages: all present (${packages[*]})"
	exit 0
fi
echo "packages: installing ${missing[*]}"
if [[ $(id -u) != 0 ]]; then
	command -v sudo >/dev/null || fail "root is needed and there is no sudo; run as root: apt-get install ${missing[*]}"
	as_root=(sudo)
fi

trap clean_up EXIT
trap 'exit 130' INT TERM
log=$(mktemp)
forbid_daemons
apt_install "${missing[@]}" >"$log" 2>&1 || {
	tail -n 30 "$log" >&2
	fail "apt-get failed, see above"
}
echo "packages: installed"
