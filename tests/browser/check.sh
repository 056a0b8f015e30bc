#!/usr/bin/env bash
# Starts an installation of its own on free ports, opens the console in a browser, and stops everything.
# usage: tests/browser/check.sh CLAVIGER_BINARY [TEST_FILE…]: without files all of *.test.mjs; names are taken from this folder.
# Screenshots of every page are written to SCREENS, by default target/screens.
set -euo pipefail

binary=$(readlink -f "${1:?the claviger binary}")
shift
here=$(cd "$(dirname "$0")" && pwd)
export CLAVIGER_SCREENS=${CLAVIGER_SCREENS:-$here/../../target/screens}
# Debian's, or whichever the machine has.
CLAVIGER_CHROMIUM=${CLAVIGER_CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
export CLAVIGER_CHROMIUM
if [[ -z $CLAVIGER_CHROMIUM ]]; then
    echo "Chromium is missing: scripts/setup.sh check installs it." >&2
    exit 1
fi
# Postgres runs as another user when we are root, and has to get to its folder.
folder=$(mktemp -d)
chmod 711 "$folder"
process=

finish() {
    status=$?
    if [[ -n $process ]]; then
        kill -INT "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    fi
    rm -rf "$folder"
    exit "$status"
}
trap finish EXIT

start() { # offset
    (cd "$folder" && exec "$binary" dev --port-offset "$1") >"$folder/out.log" 2>&1 &
    process=$!
    for _ in $(seq 900); do
        if grep -q 'Claviger is ready' "$folder/out.log"; then return 0; fi
        if ! kill -0 "$process" 2>/dev/null; then return 1; fi
        sleep 0.1
    done
    return 1
}

(cd "$here" && { [[ node_modules/.package-lock.json -nt package-lock.json ]] || npm ci --ignore-scripts --no-audit --no-fund --silent; })

# A port may be taken between the look and the start: then the next offset.
for _ in 1 2 3; do
    if start "$(node "$here/support/free-offset.mjs")"; then break; fi
    kill -INT "$process" 2>/dev/null || true
    wait "$process" || true
    process=
done
if [[ -z $process ]]; then
    cat "$folder/out.log" >&2
    exit 1
fi

export CLAVIGER_DEV=$folder/.claviger/dev.json
files=("$@")
if [[ ${#files[@]} -eq 0 ]]; then files=("$here"/*.test.mjs); else files=("${files[@]/#/$here/}"); fi
# One file after the other: they share the installation, and the machine.
if ! node --test --test-concurrency=1 --test-reporter=spec "${files[@]}"; then
    echo "The last lines of the console's log:" >&2
    tail -n 20 "$folder"/.claviger/logs/console*.log >&2 || true
    exit 1
fi
