# To be sourced: an installation of its own on free ports, which is stopped and removed when the script ends.
# After `start_installation CLAVIGER_BINARY` its addresses and keys are in $dev_json.

folder=
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

start_at() { # binary, offset
    (cd "$folder" && exec "$1" dev --port-offset "$2") >"$folder/out.log" 2>&1 &
    process=$!
    for _ in $(seq 600); do
        if grep -q 'Claviger is ready' "$folder/out.log"; then return 0; fi
        if ! kill -0 "$process" 2>/dev/null; then return 1; fi
        sleep 0.1
    done
    return 1
}

start_installation() { # binary
    # Postgres runs as another user when we are root, and has to get to its folder.
    folder=$(mktemp -d)
    chmod 711 "$folder"
    dev_json="$folder/.claviger/dev.json"
    # A taken port makes it end at once: try the next offset.
    for offset in $(shuf -i 20000-28000 -n 5); do
        if start_at "$1" "$offset"; then return 0; fi
        kill -INT "$process" 2>/dev/null || true
        wait "$process" || true
        process=
    done
    cat "$folder/out.log" >&2
    return 1
}
