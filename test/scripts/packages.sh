#!/usr/bin/env bash
# Installs the Debian packages that `make test` needs and that are missing,
# printing them first. Uses sudo where it is not root.
set -euo pipefail

packages=(gcc libc6-dev pkg-config pcscd libpcsclite-dev vsmartcard-vpcd util-linux)

missing=()
for p in "${packages[@]}"; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
done
if ((${#missing[@]} == 0)); then
	echo "packages: all present (${packages[*]})"
	exit 0
fi

echo "packages: installing ${missing[*]}"
as_root=()
if [[ $(id -u) != 0 ]]; then
	command -v sudo >/dev/null || {
		echo "packages: root is needed to install them; run as root: apt-get install ${missing[*]}" >&2
		exit 1
	}
	as_root=(sudo)
fi

# pcscd's package would start the system's daemon: the tests bring their own.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
	printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
	"${as_root[@]}" chmod 755 "$policy"
	trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
log=$(mktemp)
install() {
	"${as_root[@]}" apt-get update &&
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}
install >"$log" 2>&1 || {
	tail -n 30 "$log" >&2
	echo "packages: apt-get failed, see above" >&2
	exit 1
}
rm -f "$log"
