# shellcheck shell=bash
# Boots systemd as PID 1 of its own namespaces from a root, and runs commands in there. Sourced; needs root.
#
# What it takes (found by trial):
#  - cgroups: PID 1 gets a cgroup of its own in every hierarchy the host has, and a cgroup namespace on top, so that it
#    believes it owns the tree. On a hybrid host (version 1 beside 2) the same layout is mounted again.
#  - mounts must be shared: a service's credentials are mounted in a helper's namespace and must spread from there;
#    otherwise the unit starts with an empty credentials directory.
#  - its own network namespace: ports inside cannot clash with the host's. PID 1 brings up the loopback itself.

pid1=
outer=

# The host's cgroup hierarchies that PID 1 needs, as directories.
cgroup_hierarchies() {
    local name
    if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
        echo /sys/fs/cgroup
    else
        for name in unified systemd memory cpu pids; do
            [ ! -d "/sys/fs/cgroup/$name" ] || echo "/sys/fs/cgroup/$name"
        done
    fi
}

# Runs in the new namespaces: mounts, pivots and becomes PID 1. Needs ROOT and HIERARCHIES in the environment.
become_pid1() {
    set -e
    local device hierarchy name
    mount --bind "$ROOT" "$ROOT"
    mount -t proc proc "$ROOT/proc"
    mount --bind "$ROOT/proc/sys" "$ROOT/proc/sys"
    mount -o remount,bind,ro "$ROOT/proc/sys"
    mount -t sysfs -o ro sysfs "$ROOT/sys"
    if [ "$HIERARCHIES" = /sys/fs/cgroup ]; then
        mount -t cgroup2 cgroup2 "$ROOT/sys/fs/cgroup"
    else
        mount -t tmpfs -o mode=755 tmpfs "$ROOT/sys/fs/cgroup"
        for hierarchy in $HIERARCHIES; do
            name=${hierarchy##*/}
            mkdir "$ROOT/sys/fs/cgroup/$name"
            case $name in
                unified) mount -t cgroup2 cgroup2 "$ROOT/sys/fs/cgroup/$name" ;;
                systemd) mount -t cgroup -o none,name=systemd cgroup "$ROOT/sys/fs/cgroup/$name" ;;
                *) mount -t cgroup -o "$name" cgroup "$ROOT/sys/fs/cgroup/$name" ;;
            esac
        done
    fi
    mount -t tmpfs -o mode=755 tmpfs "$ROOT/run"
    mount -t tmpfs tmpfs "$ROOT/tmp"
    mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev"
    for device in null zero full random urandom tty; do
        touch "$ROOT/dev/$device"
        mount --bind "/dev/$device" "$ROOT/dev/$device"
    done
    mkdir "$ROOT/dev/pts" "$ROOT/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$ROOT/dev/pts"
    ln -s pts/ptmx "$ROOT/dev/ptmx"
    mount -t tmpfs tmpfs "$ROOT/dev/shm"
    cd "$ROOT"
    mkdir -p .host
    pivot_root . .host
    umount -l .host
    mount --make-rshared /
    exec env -i container=docker PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        /lib/systemd/systemd --system --log-target=journal --show-status=false systemd.mask=systemd-sysctl.service
}

# boot ROOT LOGFILE: sets pid1 to the host's number of the new PID 1. The file gets what goes wrong before systemd
# runs; from then on it logs to its own journal.
boot() {
    local hierarchy hierarchies group=sluice-test-$$
    hierarchies=$(cgroup_hierarchies | tr '\n' ' ')
    hierarchies=${hierarchies% }
    (
        for hierarchy in $hierarchies; do
            mkdir -p "$hierarchy/$group" && echo "$BASHPID" >"$hierarchy/$group/cgroup.procs"
        done
        export ROOT=$1 HIERARCHIES=$hierarchies
        export -f become_pid1
        exec setsid unshare --fork --pid --kill-child --mount --cgroup --uts --ipc --net --propagation private \
            bash -c become_pid1
    ) </dev/null >"$2" 2>&1 &
    outer=$!
    await 20 has_pid1 "$outer" || return 1
    pid1=$(child_of "$outer")
    await 30 booted
}

child_of() { tr -d ' ' <"/proc/$1/task/$1/children"; }

# Whether the child is in its own PID namespace already; before that it may be any helper of the shell.
has_pid1() { grep -q '^NSpid:.*[[:space:]]1$' "/proc/$(child_of "$1")/status"; }

# Whether PID 1 has reached its default target; a failed unit of Debian's own does not matter here.
booted() {
    case $(inside systemctl is-system-running 2>/dev/null) in
        running | degraded) return 0 ;;
        *) return 1 ;;
    esac
}

# inside COMMAND...: runs it as root in PID 1's namespaces, under no unit.
inside() {
    nsenter -t "$pid1" -p -m -C -u -i -n -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM="${TERM-dumb}" "$@"
}

# Ends PID 1 and everything in it, and removes its cgroups.
shut_down() {
    local hierarchy
    [ -n "$outer" ] || return 0
    # SIGRTMIN+4 is systemd's clean power-off; it ends the namespace. Killing what holds the namespace ends it hard.
    [ -z "$pid1" ] || kill -s SIGRTMIN+4 "$pid1" 2>/dev/null
    await 20 gone "$outer" || kill -KILL "$outer" 2>/dev/null
    wait "$outer" 2>/dev/null
    for hierarchy in $(cgroup_hierarchies); do
        find "$hierarchy/sluice-test-$$" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
    pid1= outer=
}
