#!/usr/bin/env bash
# test.sh [all|crash] [GO TEST FLAG...]: runs the suite; scripts/with-postgres.sh gives it a database.
#
# The packages run with -race, because the engine and the stores are concurrent code. Programs do not:
# examples and the crash test start processes of their own, which -race would only slow. Where there is no
# C compiler, which -race needs, everything runs without, and says so.
set -euo pipefail

what=all
case ${1:-} in
all | crash)
	what=$1
	shift
	;;
esac

readonly PROGRAMS='/(examples|crashtest)(/|$)'

list() { go list ./...; }
packages() { list | grep -Ev "$PROGRAMS"; }
examples() { list | grep -E '/examples(/|$)' || true; }
crash() { list | grep -E '/crashtest(/|$)' || true; }

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

status=0
if [ "$what" = all ]; then
	# shellcheck disable=SC2046 # package paths hold no spaces
	if can_race; then
		CGO_ENABLED=1 go_test -race "$@" $(packages) || status=1
	else
		echo "no C compiler: the race detector is off (Debian, Ubuntu: apt-get install gcc libc6-dev)"
		CGO_ENABLED=0 go_test "$@" $(packages) || status=1
	fi
fi
programs=$(crash)
if [ "$what" = all ]; then programs="$(examples) $programs"; fi
if [ -n "${programs// /}" ]; then
	# shellcheck disable=SC2086 # likewise
	CGO_ENABLED=0 go_test "$@" $programs || status=1
fi
exit "$status"
