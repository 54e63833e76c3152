# shellcheck shell=bash
# Makes a Debian 12 root with systemd in it, and puts the binary and the units there as a package would. Sourced.

packages=systemd,systemd-sysv,dbus,procps,socat,python3,libcurl4,ca-certificates,libnss-systemd

# base_root DIRECTORY: prints the path of an untouched root, made on first use and kept in DIRECTORY.
base_root() {
    local base="$1/bookworm" list
    list=$(echo "$packages" | tr ',' '\n' | sort | sha256sum | cut -c1-12)
    if [ ! -e "$base-$list/.complete" ]; then
        mkdir -p "$1"
        rm -rf "$base-$list"
        mmdebstrap --quiet --variant=minbase --include="$packages" \
            --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
            bookworm "$base-$list" >&2 || return 1
        touch "$base-$list/.complete"
    fi
    echo "$base-$list"
}

# install_binary BINARY ROOT: the program as /usr/bin/sluice, with every library it needs that the root lacks.
install_binary() {
    install -m 0755 "$1" "$2/usr/bin/sluice"
    mkdir -p "$2/usr/local/lib"
    ldd "$1" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' | while read -r name path; do
        [ -e "$2/lib/x86_64-linux-gnu/$name" ] || [ -e "$2/usr/lib/$(uname -m)-linux-gnu/$name" ] ||
            install -m 0755 "$path" "$2/usr/local/lib/$name"
    done
    # The program's run path points at the build machine; the loader's cache finds the copies.
    chroot "$2" ldconfig
}

# install_units SYSTEMD_DIRECTORY ROOT
install_units() {
    install -m 0644 -t "$2/usr/lib/systemd/system" "$1"/*.service "$1"/*.socket
    install -D -m 0644 -t "$2/usr/lib/sysusers.d" "$1"/sysusers.d/*.conf
    chroot "$2" systemd-sysusers
}
