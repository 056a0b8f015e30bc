#!/usr/bin/env bash
# Throws generated requests at a running installation: at its API as nobody, as an organization key and as a root key, at its
# key service as nobody and with the service token.
# usage: [SEED=number] tests/contract/run.sh DEV_JSON [EXAMPLES_PER_OPERATION]
# Installs Schemathesis into a folder of its own. Fails on any answer >= 500, any answer that the document does not
# allow, and any operation that answers without credentials.
set -euo pipefail

dev_json=${1:?the .claviger/dev.json of a running installation}
examples=${2:-20}
version=4.32
seed=${SEED:-20261121}
tools="${XDG_CACHE_HOME:-$HOME/.cache}/claviger/schemathesis-$version"

if [ ! -x "$tools/bin/schemathesis" ]; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet "schemathesis==$version"
fi

if [ ! -r "$dev_json" ]; then
    echo "no such file: $dev_json" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
api=$(jq -r .environments.development.api_url "$dev_json")
keys=$(jq -r .environments.development.keys_url "$dev_json")
checks=not_a_server_error,content_type_conformance,response_headers_conformance,response_schema_conformance
# Not allow_header_conformance: a path may have a method for the console alone, which the public document leaves out.
checks=$checks,negative_data_rejection,ignored_auth,unsupported_method

failed=0
throw() { # at whom and as whom, address, extra arguments
    echo "== $1"
    # One worker: CPython 3.11 counts the depth of its AST for all threads together, and now and then fails with two.
    "$tools/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$2/v1/openapi.json" --url "$2" "${@:3}" \
        --checks "$checks" --phases examples,coverage,fuzzing --max-examples "$examples" \
        --seed "$seed" --continue-on-failure --request-timeout 5 --output-sanitize true --no-shrink --workers 1 \
        --suppress-health-check all || failed=1
}

bearer() { echo "Authorization: Bearer $(jq -r ".environments.development.$1" "$dev_json")"; }
throw "the API as nobody" "$api"
throw "the API as an organization key" "$api" --header "$(bearer organization_key)"
throw "the API as a root key" "$api" --header "$(bearer root_key)"
throw "the key service as nobody" "$keys"
throw "the key service as a service" "$keys" --header "$(bearer keys_token)"

exit "$failed"
