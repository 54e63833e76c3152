# shellcheck shell=bash
# What is checked inside the booted system, one function for each promise. Sourced by service.sh.

caller=/opt/test/caller.py
agent=/run/sluice/agent.sock
stats=/run/sluice/stats.sock

# Two callers (alice in the callers' groups, mallory in none), keys, configuration, and upstreams that know the keys.
install_fixtures() {
    local root=$1 instance
    mkdir -p "$root/opt/test" "$root/etc/sluice" "$root/var/log/journal"
    install -m 0644 -t "$root/opt/test" "$here/caller.py" "$here/upstream.py"
    chroot "$root" useradd --uid 4242 --groups sluice,sluice-dev alice
    chroot "$root" useradd --uid 4343 mallory
    write_key "$root/etc/sluice/openai-key" sk-first
    write_config "$root/etc/sluice/sluice.yaml" 8080 first
    for instance in dev:8081 prod:8082; do
        write_key "$root/etc/sluice/${instance%:*}.openai-key" "sk-${instance%:*}"
        write_config "$root/etc/sluice/${instance%:*}.yaml" "${instance#*:}" "${instance%:*}"
    done
    cat >"$root/etc/systemd/system/upstream@.service" <<'UNIT'
[Unit]
Description=A stand-in for OpenAI on port %i

[Service]
EnvironmentFile=/opt/test/keys-%i
ExecStart=/usr/bin/python3 /opt/test/upstream.py %i $KEYS
ExecStartPost=/usr/bin/timeout 10 /bin/sh -c 'until socat -u /dev/null TCP:127.0.0.1:%i; do sleep 0.1; done'
UNIT
    echo 'KEYS=sk-first sk-second' >"$root/opt/test/keys-8080"
    echo 'KEYS=sk-dev' >"$root/opt/test/keys-8081"
    echo 'KEYS=sk-prod' >"$root/opt/test/keys-8082"
}

write_key() { (umask 077 && printf '%s\n' "$2" >"$1"); }

# write_config FILE PORT POOL
write_config() {
    cat >"$1" <<YAML
agent:
  drain_timeout: 20s
upstreams:
  - name: standin
    base_url: http://127.0.0.1:$2/v1
    keys:
      - name: main
        credential: openai-key
pools:
  - name: $3
    models: ["*"]
    upstream: standin
YAML
}

# as USER UNIT COMMAND...: runs the test's caller under a unit of its own; prints what it prints.
as() {
    local user=$1 unit=$2
    shift 2
    inside systemd-run --quiet --wait --pipe --collect --unit="$unit" --uid="$user" \
        /usr/bin/python3 "$caller" "$@"
}

# start_as USER UNIT COMMAND...: the same in the background; returns when the caller says READY=1.
start_as() {
    local user=$1 unit=$2
    shift 2
    inside systemd-run --quiet --unit="$unit" --uid="$user" --service-type=notify \
        /usr/bin/python3 "$caller" "$@"
}

property() { inside systemctl show -P "$2" "$1"; }
is() { [ "$(property "$1" "$2")" = "$3" ]; }
is_not() { [ "$(property "$1" "$2")" != "$3" ]; }
running() { is "${1:-sluice.service}" SubState running; }

# status EXPRESSION: a Python expression over the agent's /status, which is `s`.
status() {
    inside /usr/bin/python3 "$caller" "$stats" get /status |
        python3 -c 'import json, sys; s = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}
status_is() { [ "$(status "$1")" = "$2" ]; }

dump_logs() {
    echo "--- jobs and failed units"
    inside systemctl --no-pager list-jobs 2>&1
    inside systemctl --no-pager --failed 2>&1
    echo "--- units"
    inside systemctl --no-pager --full status 'sluice*' 2>&1 | head -n 120
    echo "--- journal of the agents and their callers"
    inside journalctl --no-pager -o short-precise -n 150 -u 'sluice*' -u 'caller*' -u 'upstream*' 2>&1
}

check_units() {
    check "systemd-analyze verify finds nothing to say" quiet inside systemd-analyze verify --man=no \
        sluice.service sluice.socket sluice-stats.socket sluice-admin.socket \
        sluice@dev.service sluice@dev.socket sluice-stats@dev.socket sluice-admin@dev.socket
    check "the three sockets start" inside systemctl start sluice.socket sluice-stats.socket sluice-admin.socket
    same "their modes and groups are as shipped" "660 root:sluice 660 root:sluice 600 root:root" \
        "$(inside stat -c '%a %U:%G' "$agent" "$stats" /run/sluice/admin.sock | tr '\n' ' ' | sed 's/ $//')"
    same "the agent does not run yet" inactive "$(property sluice.service ActiveState)"
}

# Succeeds when the command does, and printed nothing.
quiet() {
    local output
    output=$("$@" 2>&1) && [ -z "$output" ] || { echo "$output"; return 1; }
}

check_activation() {
    same "a first connection starts the agent and is answered" "key 1" "$(as alice caller-first "$agent" call 2>&1)"
    check "the service is active (running)" running
    check "it says how it is in its status line" test -n "$(property sluice.service StatusText)"
    refute "a user outside the group cannot connect" as mallory caller-outsider "$agent" call
}

check_credentials() {
    # The stand-in has answered "key 1": it saw the first key as the bearer. The rest of the promise:
    local main
    main=$(property sluice.service MainPID)
    check "the agent's user is a dynamic one" dynamic_user "$main"
    refute "the key is not in the agent's environment" inside grep -q sk-first "/proc/$main/environ"
    refute "a caller cannot read the key" inside setpriv --reuid alice --regid alice --init-groups \
        cat /etc/sluice/openai-key
}

dynamic_user() {
    local uid
    uid=$(inside stat -c %u "/proc/$1")
    [ "$uid" -ge 61184 ] && [ "$uid" -le 65519 ] || { echo "uid $uid"; return 1; }
}

check_sandbox() {
    local main facts
    main=$(property sluice.service MainPID)
    facts=$(inside awk '/^(CapBnd|NoNewPrivs|Seccomp):/ { printf "%s%s ", $1, $2 }' "/proc/$main/status")
    same "no capabilities, no new privileges, a system call filter" \
        "CapBnd:0000000000000000 NoNewPrivs:1 Seccomp:2 " "$facts"
    check "the running unit's exposure is at most 1.5" inside systemd-analyze security --threshold=15 sluice.service
}

check_attribution() {
    start_as alice caller-x "$agent" hold || fail "a caller stays connected"
    local peer='next(c for c in s["connections"] if c["unit"] == "caller-x.service")'
    same "a caller's uid is in /status" 4242 "$(status "$peer[\"uid\"]")"
    same "its user's name" alice "$(status "$peer[\"user\"]")"
    same "its process" "$(property caller-x.service MainPID)" "$(status "$peer[\"pid\"]")"
    same "its unit and control group" True \
        "$(status "$peer[\"cgroup\"].endswith('/system.slice/caller-x.service')")"
    inside systemctl stop caller-x.service
    check "it is gone from /status when it is gone" await 10 \
        status_is '[c for c in s["connections"] if c["unit"] == "caller-x.service"]' '[]'
}

check_reload() {
    local main cursor
    main=$(property sluice.service MainPID)
    start_as alice caller-reload "$agent" hold
    same "the configured pool serves" True "$(status '"first" in [p["name"] for p in s["pools"]]')"
    write_config "$root/etc/sluice/sluice.yaml" 8080 second
    check "systemctl reload" inside systemctl reload sluice.service
    check "the new configuration is in force" await 15 status_is '"second" in [p["name"] for p in s["pools"]]' True
    cursor=$(inside journalctl --no-pager -n 0 --show-cursor | sed -n 's/^-- cursor: //p')
    echo 'agnet: {}' >>"$root/etc/sluice/sluice.yaml"
    inside systemctl reload sluice.service
    check "a bad configuration is reported by file and line" await 15 journal_has "$cursor" 'sluice\.yaml:[0-9]'
    check "the service runs on" await 15 running
    same "with the old configuration" True "$(status '"second" in [p["name"] for p in s["pools"]]')"
    same "in the same process" "$main" "$(property sluice.service MainPID)"
    check "no caller was disconnected" is caller-reload.service ActiveState active
    same "calls still work" "key 1" "$(as alice caller-after-reload "$agent" call 2>&1)"
    inside systemctl stop caller-reload.service
    write_config "$root/etc/sluice/sluice.yaml" 8080 second
}

# journal_has CURSOR PATTERN: whether the agent has logged it since.
journal_has() { inside journalctl --no-pager --after-cursor "$1" -u sluice.service --grep "$2"; }

check_rotation() {
    write_key "$root/etc/sluice/openai-key" sk-second
    check "systemctl restart takes a new key over" inside systemctl restart sluice.service
    same "the new key is used" "key 2" "$(as alice caller-rotated "$agent" call 2>&1)"
    inside systemctl --no-block restart sluice.service
    same "a call during a restart is answered" "key 2" "$(as alice caller-restart "$agent" call 2>&1)"
    check "the restart ends well" await 30 running
}

check_drain() {
    inside mkdir -p /run/test
    inside systemd-run --quiet --unit=caller-stream --uid=alice --service-type=notify \
        -p StandardOutput=file:/run/test/stream -p RemainAfterExit=yes \
        /usr/bin/python3 "$caller" "$agent" stream 8080 || fail "a stream begins"
    check "systemctl stop waits for the stream" inside systemctl stop sluice.service
    check "the caller ends by itself" await 30 is caller-stream.service SubState exited
    same "it got goaway after the first chunk, and the rest of its stream" \
        "goaway=('draining', 1) chunks=6 last=result finish=complete" "$(inside cat /run/test/stream)"
    same "the agent stopped cleanly" "success" "$(property sluice.service Result)"
    inside systemctl stop caller-stream.service
    check "the sockets are still there" inside test -S "$agent"
    same "the next connection starts it again" "key 2" "$(as alice caller-again "$agent" call 2>&1)"
}

check_watchdog() {
    local main restarts
    mkdir -p "$root/etc/systemd/system/sluice.service.d"
    printf '[Service]\nWatchdogSec=3\n' >"$root/etc/systemd/system/sluice.service.d/test.conf"
    inside systemctl daemon-reload
    inside systemctl restart sluice.service
    main=$(property sluice.service MainPID)
    restarts=$(property sluice.service NRestarts)
    # Three intervals of peace first: what follows must be the stop's doing.
    inside sleep 9
    same "the watchdog is content with a healthy agent" "$main" "$(property sluice.service MainPID)"
    inside kill -STOP "$main"
    check "a stopped agent is killed by the watchdog and restarted" \
        await 30 is sluice.service NRestarts $((restarts + 1))
    check "the journal says that it was the watchdog" \
        inside journalctl --no-pager -u sluice.service --grep 'Watchdog timeout'
    check "it runs again" await 30 running
    check "as another process" is_not sluice.service MainPID "$main"
    same "calls work again" "key 2" "$(as alice caller-watchdog "$agent" call 2>&1)"
    rm "$root/etc/systemd/system/sluice.service.d/test.conf"
    inside systemctl daemon-reload
}

check_instances() {
    local instance
    for instance in dev prod; do
        check "instance $instance starts" inside systemctl start "sluice@$instance.service"
        check "instance $instance is active (running)" running "sluice@$instance.service"
    done
    same "dev answers its caller, with its own key" "key 1" "$(as alice caller-dev /run/sluice-dev/agent.sock call 2>&1)"
    same "prod has its own key too" "key 1" "$(as root caller-prod /run/sluice-prod/agent.sock call 2>&1)"
    refute "dev's callers cannot reach prod" as alice caller-trespass /run/sluice-prod/agent.sock call
    same "their state is apart" "sluice sluice-dev sluice-prod" \
        "$(inside ls /var/lib/private | tr '\n' ' ' | sed 's/ $//')"
    inside systemctl stop 'sluice*@*.socket' 'sluice@*.service'
    same "stopping an instance's sockets stops it" inactive "$(property sluice@prod.service ActiveState)"
    refute "and removes them" inside test -e /run/sluice-prod/agent.sock
}

# What the runbook says about failures is true.
check_failures() {
    inside systemctl stop sluice.socket sluice-stats.socket sluice-admin.socket sluice.service
    mv "$root/etc/sluice/openai-key" "$root/etc/sluice/openai-key.away"
    refute "without its key file it does not start" inside systemctl start sluice.service
    same "and the reason is in systemctl status" 243 "$(property sluice.service ExecMainStatus)"
    inside systemctl stop sluice.service 2>/dev/null
    mv "$root/etc/sluice/openai-key.away" "$root/etc/sluice/openai-key"
    echo 'agnet: {}' >>"$root/etc/sluice/sluice.yaml"
    inside systemctl reset-failed
    refute "with a bad configuration it does not start" inside systemctl start sluice.service
    same "and it is not tried again: exit status 78" 78 "$(property sluice.service ExecMainStatus)"
}
