#!/bin/bash
# Starts `sluice agent` by systemd-socket-activate with three named sockets, as any user, and talks to each.
# Usage: SLUICE_BIN=.build/debug/sluice Tests/Systemd/socket-activate.sh

set -u
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
# shellcheck source-path=SCRIPTDIR
. "$here/lib/report.sh"
binary=$(realpath "${SLUICE_BIN:-$project/.build/debug/sluice}") || exit 66
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-activate.XXXXXX")
activator= upstream=
finish() {
    [ -z "$activator" ] || kill "$activator" 2>/dev/null
    [ -z "$upstream" ] || kill "$upstream" 2>/dev/null
    wait
    [ "$failed" -eq 0 ] || tail -n 40 "$work"/*.log
    rm -rf "$work"
}
trap finish EXIT
# systemd-socket-activate becomes the program at the first connection, under the same number.
waits() { grep -q '^systemd-socket' "/proc/$activator/comm"; }
caller() { python3 "$here/caller.py" "$@"; }
connects() { python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$1"; }

# A port of the kernel's choice would have to be told to the agent; ask for one first.
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
python3 "$here/upstream.py" "$port" sk-only >"$work/upstream.log" 2>&1 &
upstream=$!
await 20 python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))" || exit 1

sockets=() names=
for name in agent stats admin; do
    sockets+=(--listen="$work/$name.sock")
    names+=${names:+:}$name
done
systemd-socket-activate "${sockets[@]}" --fdname="$names" \
    --setenv=OPENAI_API_KEY=sk-only --setenv=OPENAI_BASE_URL="http://127.0.0.1:$port/v1" \
    --setenv=PATH --setenv=HOME="$work" --setenv=XDG_RUNTIME_DIR="$work/runtime" --setenv=XDG_STATE_HOME="$work/state" \
    "$binary" agent >"$work/agent.log" 2>&1 &
activator=$!
await 20 test -S "$work/admin.sock" || exit 1
check "the agent does not run before a connection" waits

same "the first call starts it and is answered" "key 1" "$(caller "$work/agent.sock" call 2>&1)"
refute "systemd-socket-activate has become the agent" waits
check "stats answers on its own socket" caller "$work/stats.sock" get /healthz
check "so does /status" caller "$work/stats.sock" get /status
check "admin.sock accepts a connection" connects "$work/admin.sock"
kill -TERM "$activator"
check "it ends at SIGTERM" await 30 gone "$activator"
report
