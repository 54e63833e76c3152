#!/bin/bash
# Boots a real systemd in namespaces of its own, with the units as shipped, and sees the service do its work there.
#
# Usage (as root): SLUICE_BIN=.build/debug/sluice Tests/Systemd/service.sh [--shell] [--keep] [--logs]
#   --shell   after the checks (or when the boot fails), a shell inside; leave it to clean up
#   --keep    do not delete the root when done; prints where it is
#   --logs    print the journal even when everything passed
# The Debian root is made once (needs mmdebstrap and a Debian mirror) and kept in $SLUICE_SYSTEMD_CACHE, or else
# ${XDG_CACHE_HOME:-~/.cache}/sluice-systemd, or else .build-systemd-root in the project.

set -u
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
# shellcheck source-path=SCRIPTDIR
. "$here/lib/report.sh"
. "$here/lib/root.sh"
. "$here/lib/boot.sh"
. "$here/lib/checks.sh"

shell= keep= logs=
for option in "$@"; do
    case $option in
        --shell) shell=1 ;;
        --keep) keep=1 ;;
        --logs) logs=1 ;;
        *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 64 ;;
    esac
done
binary=${SLUICE_BIN:-$project/.build/debug/sluice}
[ "$(id -u)" = 0 ] || { echo "needs root: it makes namespaces, mounts and cgroups" >&2; exit 77; }
[ -x "$binary" ] || { echo "no program at $binary: build it, or set SLUICE_BIN" >&2; exit 66; }

if [ -n "${SLUICE_SYSTEMD_CACHE-}" ]; then
    cache=$SLUICE_SYSTEMD_CACHE
elif [ -n "${XDG_CACHE_HOME-}${HOME-}" ]; then
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice-systemd
else
    cache=$project/.build-systemd-root
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-service.XXXXXX")
root=$work/root
console=$work/console.log

finish() {
    [ -n "$pid1" ] && { [ "$failed" -gt 0 ] || [ -n "$logs" ]; } && dump_logs
    [ -n "$shell" ] && [ -n "$pid1" ] && { echo "a shell inside; exit to clean up" >&2; inside /bin/bash -i; }
    shut_down
    if [ -n "$keep" ]; then echo "kept: $work" >&2; else rm -rf --one-file-system "$work"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM

base=$(base_root "$cache") || exit 1
cp -a --reflink=auto "$base" "$root"
install_binary "$binary" "$root"
install_units "$project/systemd" "$root"
install_fixtures "$root"

if ! boot "$root" "$console"; then
    fail "boots" "$(tail -n 20 "$console"; [ -z "$pid1" ] || inside journalctl --no-pager -b -n 20)"
    report
    exit 1
fi
pass "boots: $(inside systemctl --version | head -n 1), PID 1 of its own namespaces"
inside systemctl start upstream@8080.service upstream@8081.service upstream@8082.service

for group in units activation credentials sandbox attribution reload rotation drain watchdog instances failures; do
    "check_$group"
done
report
