# shellcheck shell=bash
# One line for each check, and a closing count. Sourced.

passed=0
failed=0

pass() { passed=$((passed + 1)); printf 'PASS  %s\n' "$1"; }

# fail WHAT [WHY]
fail() {
    failed=$((failed + 1))
    printf 'FAIL  %s\n' "$1"
    [ -z "${2-}" ] || printf '%s\n' "$2" | head -n 20 | sed 's/^/        /'
    return 0
}

# check WHAT COMMAND...: passes when the command succeeds; its output explains a failure.
check() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then pass "$what"; else fail "$what" "$output"; fi
}

# refute WHAT COMMAND...: passes when the command fails.
refute() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then fail "$what" "it succeeded: $output"; else pass "$what"; fi
}

# same WHAT EXPECTED ACTUAL
same() {
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "expected «$2», got «$3»"; fi
}

# await SECONDS COMMAND...: polls until the command succeeds; fails at the bound.
await() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || { echo "not within the time: $*"; return 1; }
        sleep 0.1
    done
}

# Whether no process has the number any more.
gone() { ! kill -0 "$1" 2>/dev/null; }

# The closing line; the status says whether all passed.
report() {
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ]
}
