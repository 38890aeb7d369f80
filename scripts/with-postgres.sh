#!/usr/bin/env bash
# with-postgres.sh CMD [ARG...]: runs CMD with OPENWORKFLOW_TEST_POSTGRES_URL naming a Postgres server.
#
# A URL that is already set is used as it is. Otherwise a throw-away server is started, and removed with
# all its data when CMD has ended, however it ended: from Postgres binaries on this machine (14 or newer),
# from Docker, or from binaries that apt-get installs first (as root, or with sudo that asks nothing).
# The exit status is CMD's. Nothing but CMD writes to standard output.
#
# The server listens on a free port of 127.0.0.1 only, runs as an ordinary user, trusts its superuser
# "postgres" and asks every other role for its password. It keeps fsync on, as production does: the
# suite is about durability. OPENWORKFLOW_TEST_POSTGRES_PRELOAD names a library that a server started from binaries
# on this machine loads before its own (LD_PRELOAD). Written for bash 3.2, which is what macOS has.
#
# With OPENWORKFLOW_TEST_POSTGRES_PAIR set, the server is started from binaries and has a standby that each commit waits for.
# OPENWORKFLOW_TEST_POSTGRES_STANDBY is then where that listens, and OPENWORKFLOW_TEST_POSTGRES_FAILOVER a command of bash that kills
# the first server, every process of it at once, and returns when the standby has taken its place, after two seconds.
set -euo pipefail

readonly MIN_MAJOR=14
readonly DOCKER_IMAGE=${OPENWORKFLOW_TEST_POSTGRES_IMAGE:-postgres:17}
readonly SETTINGS="-c max_connections=200 -c fsync=on -c listen_addresses=127.0.0.1 -c unix_socket_directories="

bindir=""      # folder of initdb, pg_ctl and postgres
port=""        # of the server started last
workdir=""     # the cluster, its log, its settings
server_user="" # whom the server runs as, where root calls
made_user=""   # the same, if it was made for this call
container=""
started=""
child=""       # CMD's process id while it runs
group=""       # its process group
got_signal=""

say() { printf 'with-postgres: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit 1
}
is_root() { [ "$(id -u)" -eq 0 ]; }

# as_server CMD...: runs CMD as the user of the server, in the work folder (which that user can enter).
as_server() (
	cd "$workdir"
	if ! is_root; then
		"$@"
	elif command -v setpriv >/dev/null 2>&1; then
		setpriv --reuid="$server_user" --regid="$(id -g "$server_user")" --clear-groups "$@"
	elif command -v runuser >/dev/null 2>&1; then
		runuser -u "$server_user" -- "$@"
	else
		su -s /bin/sh "$server_user" -c "$(printf '%q ' "$@")"
	fi
)

cleanup() {
	local status=$?
	trap - EXIT
	trap '' INT TERM HUP # a second Ctrl-C must not leave a server behind
	if [ -n "$group" ]; then kill -s KILL -- "-$group" 2>/dev/null || true; fi # what CMD has left behind
	if [ -n "$container" ]; then docker rm -f -v "$container" >/dev/null 2>&1 || true; fi
	if [ -n "$started" ]; then
		stop_server standby
		stop_server data
	fi
	if [ -n "$workdir" ]; then rm -rf "$workdir"; fi
	if [ -n "$made_user" ]; then userdel "$made_user" >/dev/null 2>&1 || true; fi
	exit "$status"
}

on_signal() {
	got_signal=$1
	if [ -n "$child" ]; then
		kill -s "$1" -- "-$child" 2>/dev/null || true
	else
		exit $((128 + $(kill -l "$1")))
	fi
}

# ---- binaries ----

# usable DIR: whether DIR holds a server that is new enough.
usable() {
	local version major
	[ -x "$1/initdb" ] && [ -x "$1/pg_ctl" ] && [ -x "$1/postgres" ] || return 1
	version=$("$1/postgres" --version 2>/dev/null) || return 1
	major=$(printf '%s\n' "$version" | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
	[ "$major" -ge "$MIN_MAJOR" ] 2>/dev/null
}

# candidates: folders that may hold the binaries, the preferred first.
candidates() {
	local found
	if found=$(command -v initdb 2>/dev/null); then
		dirname "$(readlink -f "$found" 2>/dev/null || printf '%s' "$found")"
		dirname "$found"
	fi
	if command -v pg_config >/dev/null 2>&1; then pg_config --bindir 2>/dev/null || true; fi
	{
		ls -d /usr/lib/postgresql/*/bin || true   # Debian, Ubuntu
		ls -d /usr/pgsql-*/bin || true            # Fedora, RHEL
		ls -d /usr/libexec/postgresql*/ || true   # Alpine
		ls -d /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin || true
		ls -d /home/linuxbrew/.linuxbrew/opt/postgresql*/bin || true
		ls -d /Applications/Postgres.app/Contents/Versions/*/bin || true
	} 2>/dev/null | sort -rV
}

find_binaries() {
	local dir
	while IFS= read -r dir; do
		if usable "${dir%/}"; then
			bindir=${dir%/}
			return 0
		fi
	done < <(candidates)
	return 1
}

# ---- a server of our own ----

choose_server_user() {
	is_root || return 0
	if id postgres >/dev/null 2>&1; then
		server_user=postgres
		return 0
	fi
	command -v useradd >/dev/null 2>&1 ||
		die "Postgres does not run as root, there is no user 'postgres' and no useradd to make one; run this as an ordinary user"
	server_user="owtest$$"
	useradd --system --no-create-home --shell /bin/sh "$server_user"
	made_user=$server_user
}

# make_workdir: a folder that the server's user can reach (root's TMPDIR may lie where others cannot go).
make_workdir() {
	local base
	for base in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
		workdir=$(mktemp -d "${base%/}/openworkflow-pg.XXXXXX" 2>/dev/null) || continue
		if ! is_root; then return 0; fi
		chown "$server_user" "$workdir"
		if as_server test -w "$workdir" 2>/dev/null; then return 0; fi
		rm -rf "$workdir"
	done
	workdir=""
	die "no folder for temporary files that ${server_user:-this user} can write; set TMPDIR"
}

show_log() {
	say "$1; the end of the server's log:"
	tail -n 20 "$workdir/log" >&2 2>/dev/null || true
	exit 1
}

# init_cluster OPTION...: a language's order of strings is asked for first, because code that relies on
# bytewise order without saying so passes on a "C" database and fails on most real ones.
init_cluster() {
	as_server rm -rf "$workdir/data"
	as_server "$bindir/initdb" -D "$workdir/data" -U postgres -E UTF8 --auth=trust --no-sync "$@" >"$workdir/log" 2>&1
}

# start_server: a cluster, with a standby if one is wanted.
start_server() {
	local first second
	choose_server_user
	make_workdir
	init_cluster --locale-provider=icu --icu-locale=en --locale=C ||
		init_cluster --locale=C || show_log "initdb failed"
	as_server sh -c 'cat >data/pg_hba.conf' <<-'HBA'
		host all         postgres 127.0.0.1/32 trust
		host replication postgres 127.0.0.1/32 trust
		host all         all      127.0.0.1/32 scram-sha-256
	HBA
	if [ -n "${OPENWORKFLOW_TEST_POSTGRES_PAIR:-}" ]; then
		as_server cp -R data standby
		# Killed, it would leave its shared memory behind, but for what lies in the cluster's folder.
		run_server data "-c synchronous_standby_names=standby -c dynamic_shared_memory_type=mmap"
		first=$port
		as_server sh -c "touch standby/standby.signal && echo \"primary_conninfo = 'host=127.0.0.1 port=$first user=postgres application_name=standby'\" >>standby/postgresql.auto.conf"
		run_server standby ""
		second=$port
		export OPENWORKFLOW_TEST_POSTGRES_STANDBY="127.0.0.1:$second"
		OPENWORKFLOW_TEST_POSTGRES_FAILOVER=$(printf '%q ' "$BASH" "$(cd "$(dirname "$0")" && pwd)/${0##*/}" --fail-over "$workdir" "$bindir" "$server_user")
		export OPENWORKFLOW_TEST_POSTGRES_FAILOVER
	else
		run_server data ""
		first=$port
	fi
	export OPENWORKFLOW_TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$first/postgres?sslmode=disable"
	say "$("$bindir/postgres" --version) on port $first${second:+, standby on port $second}"
}

# run_server CLUSTER OPTIONS: finds a free port by trying; other processes may take one between a look and a start.
run_server() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		port=$((20000 + RANDOM % 12000))
		started=1
		if as_server env LD_PRELOAD="${OPENWORKFLOW_TEST_POSTGRES_PRELOAD:-}" "$bindir/pg_ctl" -D "$workdir/$1" -l "$workdir/$1/log" -w -t 60 \
			-o "$SETTINGS $2 -p $port" start >>"$workdir/log" 2>&1; then
			return 0
		fi
		cat "$workdir/$1/log" >>"$workdir/log" 2>/dev/null || true
		grep -qi 'address already in use' "$workdir/log" || break
	done
	show_log "the server does not start"
}

# stop_server CLUSTER: if there is one. One that was killed has left the segment of memory by which others would have noticed it.
stop_server() {
	local pidfile="$workdir/$1/postmaster.pid" segment
	[ -e "$pidfile" ] || return 0
	segment=$(awk 'NR == 7 { print $2 }' "$pidfile")
	as_server "$bindir/pg_ctl" -D "$workdir/$1" -m immediate -w -t 30 stop >/dev/null 2>&1 ||
		as_server ipcrm -m "$segment" >/dev/null 2>&1 || true
}

# fail_over WORKDIR BINDIR USER: what OPENWORKFLOW_TEST_POSTGRES_FAILOVER names. For its last half second the server sends nothing to
# the standby, so that commits wait for it; one that did not would be lost.
fail_over() {
	local postmaster
	workdir=$1 bindir=$2 server_user=$3
	postmaster=$(head -n 1 "$workdir/data/postmaster.pid")
	# shellcheck disable=SC2046 # words are wanted
	kill -s STOP $(children "$postmaster" walsender) || die "the server has no standby"
	sleep 0.5
	# shellcheck disable=SC2046 # likewise
	kill -s KILL "$postmaster" $(children "$postmaster") || die "the server cannot be killed"
	sleep 2 # until somebody has noticed
	as_server "$bindir/pg_ctl" -D "$workdir/standby" -w -t 60 promote >/dev/null
}

# children PID [TITLE]: its child processes, or those with such a title.
children() {
	local dir
	if command -v pgrep >/dev/null 2>&1; then
		pgrep -P "$1" ${2:+-f "$2"}
		return
	fi
	for dir in /proc/[0-9]*; do
		if grep -qs "^PPid:[[:space:]]*$1\$" "$dir/status" && grep -qs -- "${2:-}" "$dir/cmdline"; then
			printf '%s\n' "${dir#/proc/}"
		fi
	done
}

# ---- Docker ----

start_docker() {
	local password port waited
	command -v docker >/dev/null 2>&1 || return 1
	docker info >/dev/null 2>&1 || return 1 # the client without an engine is common
	password="ow$RANDOM$RANDOM$RANDOM"
	say "starting $DOCKER_IMAGE in Docker"
	container=$(docker run -d -p 127.0.0.1::5432 -e POSTGRES_PASSWORD="$password" "$DOCKER_IMAGE" \
		-c max_connections=200 -c fsync=on) || {
		container=""
		return 1
	}
	port=$(docker port "$container" 5432/tcp | sed -nE 's/^127\.0\.0\.1:([0-9]+)$/\1/p' | head -n 1)
	# The image's first, private start serves the socket only, so ask over TCP.
	for waited in $(seq 1 120); do
		if docker exec "$container" pg_isready -q -h 127.0.0.1 -U postgres 2>/dev/null; then
			export OPENWORKFLOW_TEST_POSTGRES_URL="postgres://postgres:$password@127.0.0.1:$port/postgres?sslmode=disable"
			return 0
		fi
		[ "$waited" -lt 120 ] && sleep 0.5
	done
	docker logs --tail 20 "$container" >&2 || true
	die "the container of $DOCKER_IMAGE does not answer"
}

# ---- apt ----

as_admin() {
	if is_root; then "$@"; else sudo -n "$@"; fi
}

# install_binaries: the packages only; Debian's own cluster and service are not made.
install_binaries() {
	local conf=/etc/postgresql-common/createcluster.conf log status=0
	command -v apt-get >/dev/null 2>&1 || return 1
	is_root || sudo -n true >/dev/null 2>&1 || return 1
	say "installing postgresql with apt-get"
	log=$(mktemp "${TMPDIR:-/tmp}/openworkflow-apt.XXXXXX")
	apt_install postgresql-common >"$log" 2>&1 ||
		{ as_admin apt-get update && apt_install postgresql-common; } >"$log" 2>&1 || status=1
	if [ "$status" -eq 0 ]; then
		as_admin cp -p "$conf" "$conf.openworkflow"
		printf 'create_main_cluster = false\n' | as_admin tee -a "$conf" >/dev/null
		apt_install postgresql >>"$log" 2>&1 || status=1
		as_admin mv "$conf.openworkflow" "$conf"
	fi
	[ "$status" -eq 0 ] || tail -n 15 "$log" >&2
	rm -f "$log"
	return "$status"
}

apt_install() {
	as_admin env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# ---- main ----

# run CMD...: in a process group of its own, so that a signal reaches what CMD has started too.
run() {
	local status=0
	[ -e /dev/fd/0 ] || exec </dev/null # standard input may be closed
	set -m
	"$@" <&0 &
	child=$!
	group=$child
	set +m
	wait "$child" || status=$?
	while [ -n "$got_signal" ] && kill -0 "$child" 2>/dev/null; do # the signal ended the wait, not CMD
		got_signal=""
		status=0
		wait "$child" || status=$?
	done
	child=""
	return "$status"
}

main() {
	[ "$#" -gt 0 ] || die "usage: scripts/with-postgres.sh CMD [ARG...]"
	if [ "$1" = --fail-over ]; then
		shift
		fail_over "$@"
		return
	fi
	if [ -n "${OPENWORKFLOW_TEST_POSTGRES_URL:-}" ]; then
		[ -z "${OPENWORKFLOW_TEST_POSTGRES_PAIR:-}" ] || die "OPENWORKFLOW_TEST_POSTGRES_URL names a server, and a pair is wanted: unset one of the two"
		exec "$@"
	fi
	trap cleanup EXIT
	trap 'on_signal INT' INT
	trap 'on_signal TERM' TERM
	trap 'on_signal HUP' HUP
	if find_binaries; then
		start_server
	elif [ -z "${OPENWORKFLOW_TEST_POSTGRES_PAIR:-}" ] && start_docker; then
		:
	elif install_binaries && find_binaries; then
		start_server
	else
		die "no PostgreSQL $MIN_MAJOR or newer here, and none could be started.
  Do one of these and try again:
    - install it (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql),
    - start Docker,
    - set OPENWORKFLOW_TEST_POSTGRES_URL to a server that tests may use (they create and drop schemas)."
	fi
	run "$@"
}

main "$@"
