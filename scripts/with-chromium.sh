#!/usr/bin/env bash
# with-chromium.sh CMD [ARG...]: runs CMD with OPENWORKFLOW_TEST_CHROMIUM naming a Chromium or Chrome, and axe-core
# (the accessibility checker) beside the browser tests.
#
# A browser that is named already, or is on this machine, is used as it is; otherwise apt-get installs Debian's
# chromium (as root, or with sudo that asks nothing). axe-core comes from npm. What cannot be had is said, and CMD runs all
# the same: its tests skip what they have no browser or checker for, or fail where CI is set.
# The exit status is CMD's. Written for bash 3.2, which is what macOS has.
set -euo pipefail

readonly AXE=internal/browsertest/axe

say() { printf 'with-chromium: %s\n' "$*" >&2; }

as_admin() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# find_browser: prints the path of a browser that is here.
find_browser() {
	local name
	for name in chromium chromium-browser google-chrome google-chrome-stable \
		"/Applications/Chromium.app/Contents/MacOS/Chromium" "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
		if command -v "$name" 2>/dev/null; then return 0; fi
	done
	return 1
}

install_browser() {
	local log status=0
	command -v apt-get >/dev/null 2>&1 || return 1
	[ "$(id -u)" -eq 0 ] || sudo -n true >/dev/null 2>&1 || return 1
	say "installing chromium with apt-get"
	log=$(mktemp "${TMPDIR:-/tmp}/openworkflow-apt.XXXXXX")
	apt_install >"$log" 2>&1 || { as_admin apt-get update && apt_install; } >"$log" 2>&1 || status=1
	[ "$status" -eq 0 ] || tail -n 15 "$log" >&2
	rm -f "$log"
	return "$status"
}

apt_install() {
	as_admin env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-inter fonts-jetbrains-mono
}

install_axe() {
	[ -f "$AXE/node_modules/axe-core/axe.min.js" ] && return 0
	command -v npm >/dev/null 2>&1 || {
		say "no npm: the pages' accessibility is not checked"
		return 0
	}
	npm ci --prefix "$AXE" --ignore-scripts --no-audit --no-fund >/dev/null 2>&1 ||
		say "npm ci in $AXE fails: the pages' accessibility is not checked"
}

main() {
	[ "$#" -gt 0 ] || {
		say "usage: scripts/with-chromium.sh CMD [ARG...]"
		exit 1
	}
	if [ -z "${OPENWORKFLOW_TEST_CHROMIUM:-}" ]; then
		OPENWORKFLOW_TEST_CHROMIUM=$(find_browser) || { install_browser && OPENWORKFLOW_TEST_CHROMIUM=$(find_browser); } ||
			say "no Chromium here, and none could be installed.
  Do one of these and try again:
    - install it (Debian, Ubuntu: apt-get install chromium; macOS: brew install --cask chromium),
    - set OPENWORKFLOW_TEST_CHROMIUM to the path of a Chromium or Chrome."
		export OPENWORKFLOW_TEST_CHROMIUM
	fi
	install_axe
	exec "$@"
}

main "$@"
