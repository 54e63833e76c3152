#!/bin/bash
# Checks the unit files without running them: systemd-analyze verify and security, in a scratch root where the program
# is installed as the units expect it. Needs systemd; not root. Prints one line for each check.

set -u
here=$(cd "$(dirname "$0")" && pwd)
units=$(cd "$here/../../systemd" && pwd)
# shellcheck source-path=SCRIPTDIR
. "$here/lib/report.sh"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/sluice-units.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/usr/bin" "$scratch/usr/lib/systemd" "$scratch/etc/systemd/system"
ln -s usr/bin usr/lib "$scratch/"
cp -r /lib/systemd/system "$scratch/usr/lib/systemd/"
# What is run does not matter here, only that it is there.
for program in sluice kill; do install -m 0755 /bin/true "$scratch/usr/bin/$program"; done
install -m 0644 -t "$scratch/etc/systemd/system" "$units"/*.service "$units"/*.socket

# Succeeds when systemd-analyze does, and has nothing to say.
verify() {
    local output
    output=$(systemd-analyze verify --man=no --recursive-errors=no --root="$scratch" "$@" 2>&1) && [ -z "$output" ] ||
        { echo "$output"; return 1; }
}

for unit in "$units"/*.service "$units"/*.socket; do
    name=$(basename "$unit")
    check "verify $name" verify "${name/@./@prod.}"
done
for name in sluice.service sluice@prod.service; do
    check "security of $name is within the threshold" \
        systemd-analyze security --offline=true --threshold=15 --root="$scratch" "$name"
done
if [ "$(systemctl --version | awk 'NR == 1 { print $2 }')" -ge 253 ]; then
    install -D -m 0644 -t "$scratch/etc/systemd/system/sluice.service.d" "$units"/examples/sluice.service.d/*.conf
    check "verify sluice.service with the reload drop-in" verify sluice.service
fi
for file in "$units"/sysusers.d/*.conf; do
    check "sysusers.d/$(basename "$file")" systemd-sysusers --dry-run --root="$scratch" "$file"
done
report
