#!/usr/bin/env bash
# Starts an installation of its own on free ports, throws generated requests at it (run.sh), and stops it.
# usage: tests/contract/check.sh CLAVIGER_BINARY [EXAMPLES_PER_OPERATION]
set -euo pipefail

binary=$(readlink -f "${1:?the claviger binary}")
examples=${2:-10}
here=$(cd "$(dirname "$0")" && pwd)
# Postgres runs as another user when we are root, and has to get to its folder.
folder=$(mktemp -d)
chmod 711 "$folder"
process=

finish() {
    status=$?
    if [ -n "$process" ]; then
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
    for _ in $(seq 600); do
        if grep -q 'Claviger is ready' "$folder/out.log"; then return 0; fi
        if ! kill -0 "$process" 2>/dev/null; then return 1; fi
        sleep 0.1
    done
    return 1
}

# A taken port makes it end at once: try the next offset.
for offset in $(shuf -i 20000-28000 -n 5); do
    if start "$offset"; then break; fi
    wait "$process" || true
    process=
done
if [ -z "$process" ]; then
    cat "$folder/out.log" >&2
    exit 1
fi

"$here/run.sh" "$folder/.claviger/dev.json" "$examples" >"$folder/requests.log" 2>&1 || failed=1
grep -E '^== as|generated,' "$folder/requests.log"
if [ "${failed:-0}" -ne 0 ]; then
    cut -c 1-300 "$folder/requests.log" | tail -n 200 >&2
    exit 1
fi
