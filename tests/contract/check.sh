#!/usr/bin/env bash
# Starts an installation of its own on free ports, throws generated requests at it (run.sh), and stops it.
# usage: tests/contract/check.sh CLAVIGER_BINARY [EXAMPLES_PER_OPERATION]
set -euo pipefail

binary=$(readlink -f "${1:?the claviger binary}")
examples=${2:-10}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=installation.sh
. "$here/installation.sh"
start_installation "$binary"

"$here/run.sh" "$dev_json" "$examples" >"$folder/requests.log" 2>&1 || failed=1
grep -E '^== |generated,' "$folder/requests.log"
if [ "${failed:-0}" -ne 0 ]; then
    cut -c 1-300 "$folder/requests.log" | tail -n 200 >&2
    exit 1
fi
