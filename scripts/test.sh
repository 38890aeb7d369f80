#!/usr/bin/env bash
# test.sh [all|crash] [GO TEST FLAG...]: runs the suite; scripts/with-postgres.sh gives it a database.
#
# The packages run with -race, because the engine and the stores are concurrent code, except where it only
# slows: examples, the crash test and the TypeScript tests start processes of their own, and SQLite, in Go
# translated from C, takes ten times as long (its store's concurrency is raced by the conformance suite alone).
# Where there is no C compiler, which -race needs, everything runs without, and says so.
set -euo pipefail

what=all
case ${1:-} in
all | crash)
	what=$1
	shift
	;;
esac

readonly SLOW='/(sqlitestore|openworkflow/sqlite|storetest)$'
readonly PROGRAMS='/(examples|crashtest|interop|cli|docs)(/|$)'

list() { go list ./...; }
raced() { list | grep -Ev "$PROGRAMS|$SLOW"; }
# The TypeScript tests have a target of their own (make test-interop): they need Node, and the packages of npm.
plain() { list | grep -E "$PROGRAMS|$SLOW" | grep -v '/interop$'; }
crash() { list | grep -E '/crashtest(/|$)'; }

can_race() {
	local cc
	cc=$(go env CC)
	printf 'int main(void) { return 0; }\n' | ${cc:-cc} -x c -o /dev/null - >/dev/null 2>&1
}

# go_test FLAG... : -count=1 because a database is an input that the test cache does not know.
# Lines of packages without tests are left out.
go_test() {
	printf '+ go test %s\n' "$(printf '%s ' "$@" | sed 's#github.com/openworkflowdev/openworkflow-go#.#g' | cut -c 1-150)"
	go test -count=1 -timeout 15m "$@" | { grep -v '\[no test files\]$' || true; }
}

# An interrupt ends what runs, and then also what would come next.
trap 'exit 130' INT
trap 'exit 143' TERM

status=0
if [ "$what" = crash ]; then
	# shellcheck disable=SC2046 # package paths hold no spaces
	CGO_ENABLED=0 go_test "$@" $(crash) || status=1
	exit "$status"
fi
# shellcheck disable=SC2046 # likewise
if can_race; then
	CGO_ENABLED=1 go_test -race "$@" $(raced) || status=1
	CGO_ENABLED=1 go_test -race -run 'TestConformance$' "$@" ./internal/adapters/sqlitestore || status=1
else
	echo "no C compiler: the race detector is off (Debian, Ubuntu: apt-get install gcc libc6-dev)"
	CGO_ENABLED=0 go_test "$@" $(raced) || status=1
fi
# shellcheck disable=SC2046 # likewise
CGO_ENABLED=0 go_test "$@" $(plain) || status=1
exit "$status"
