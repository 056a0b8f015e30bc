#!/usr/bin/env bash
# Generates clients from both documents with the tools that customers use, lints the documents, compiles the clients, and
# runs a life with the Python and the TypeScript ones against an installation of its own.
# usage: tests/clients/check.sh CLAVIGER_BINARY
# Tools and generated clients are kept in a cache folder. Nothing is generated again while the documents and this folder are
# the same; the lives run always. Fails on every warning that warnings.txt does not list.
set -euo pipefail

binary=$(readlink -f "${1:?the claviger binary}")
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=../contract/installation.sh
. "$here/../contract/installation.sh"

cache="${XDG_CACHE_HOME:-$HOME/.cache}/claviger/clients"
hash_of() { cat "$@" | sha256sum | cut -c 1-16; }
node_tools="$cache/node-$(hash_of "$here/package-lock.json")"
python_tools="$cache/python-$(hash_of "$here/requirements.txt")"
work="$cache/$(hash_of "$root"/services/{api,keys}/openapi.json "$here"/*)"
export PATH="$node_tools/node_modules/.bin:$python_tools/bin:$PATH"
export REDOCLY_TELEMETRY=off NO_COLOR=1 CI=1

if ! command -v npm >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
    echo "clients: skipped, Node 20 is not installed"
    exit 0
fi

install() {
    mkdir -p "$cache"
    if [ ! -e "$node_tools/.installed" ]; then
        rm -rf "$node_tools" && mkdir "$node_tools"
        cp "$here/package.json" "$here/package-lock.json" "$node_tools"
        npm ci --prefix "$node_tools" --ignore-scripts --no-audit --no-fund --loglevel=error
        touch "$node_tools/.installed"
    fi
    if [ ! -e "$python_tools/.installed" ]; then
        python3 -m venv --clear "$python_tools"
        "$python_tools/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
        touch "$python_tools/.installed"
    fi
}

# Runs one tool, and fails on its failure or on a warning that is not listed.
tool() { # name, command…
    local name=$1 log="$work/logs/$1.log" told
    if ! "${@:2}" >"$log" 2>&1; then
        echo "$name failed:" >&2
        tail -n 100 "$log" >&2
        exit 1
    fi
    told=$(grep -iE 'warning|error|unable|skipp|duplicate|conflict' "$log" | grep -vxE "$(allowed)" || true)
    if [ -n "$told" ]; then
        printf '%s warns of what tests/clients/warnings.txt does not list:\n%s\n' "$name" "$told" >&2
        exit 1
    fi
}

allowed() { grep -vE '^(#|$)' "$here/warnings.txt" | paste -sd '|' -; }

# Every schema of the document is in the generated code.
whole() { # service, which schemas, file…
    local name lost=
    for name in $(jq -r ".components.schemas | to_entries[] | select(.value | $2) | .key" "$root/services/$1/openapi.json"); do
        grep -qE "\b${name}_?\b" "${@:3}" || lost="$lost $name"
    done
    if [ -n "$lost" ]; then
        echo "lost in ${3%/*}:$lost" >&2
        exit 1
    fi
}

generate() { # service, name of the Python package
    local service=$1 document="$root/services/$1/openapi.json" package=$2
    tool "redocly-$service" redocly lint --config "$here/redocly.yaml" "$document"
    tool "spectral-$service" spectral lint --fail-severity warn --ruleset "$here/spectral.yaml" "$document"
    tool "openapi-python-client-$service" openapi-python-client generate --meta none --fail-on-warning --overwrite \
        --path "$document" --output-path "$work/$package"
    tool "openapi-typescript-$service" openapi-typescript "$document" -o "$work/types/$service.ts"
    tool "orval-$service" orval --input "$document" --output "$work/orval/$service.ts" --client fetch
    whole "$service" true "$work/types/$service.ts"
    # Python has no names for unions: they stand where they are used.
    whole "$service" 'has("type")' "$work/$package/models/"*.py
}

generate_all() {
    rm -rf "$work" && mkdir -p "$work"/{logs,types,orval}
    ln -s "$node_tools/node_modules" "$work/node_modules"
    cp "$here"/{life.ts,life.py,tsconfig.json,package.json,hey-api.config.mjs} "$work"
    for service in api keys; do cp "$root/services/$service/openapi.json" "$work/$service.json"; done
    generate api claviger_integration_api_client
    generate keys claviger_key_service_client
    (cd "$work" && tool openapi-ts openapi-ts -f hey-api.config.mjs --no-log-file)
    whole api true "$work/api/types.gen.ts"
    whole keys true "$work/keys/types.gen.ts"
    tool tsc tsc -p "$work"
    tool python python3 -m compileall -q "$work"/claviger_*
    touch "$work/.generated"
}

install
if [ -e "$work/.generated" ]; then
    echo "the documents and tests/clients are unchanged: the clients of $work are used again"
else
    generate_all
    # Of other versions nothing is kept.
    find "$cache" -mindepth 1 -maxdepth 1 ! -path "$work" ! -path "$node_tools" ! -path "$python_tools" -mtime +7 -exec rm -rf {} +
fi
for log in "$work"/logs/*.log; do echo "$(basename "$log" .log): no warning that is not listed"; done

start_installation "$binary"
(cd "$work" && PYTHONPATH="$work" python3 life.py "$dev_json" && node out/life.js "$dev_json")
