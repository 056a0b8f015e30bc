#!/usr/bin/env bash
# Installs what building and testing need on Debian or Ubuntu, and only what is missing. Starts no server: `claviger dev`
# and the tests run their own, on free ports.
# usage: scripts/setup.sh [check|chaos]: without an argument what `make run` and `make test` need; besides, what
# `make check` or `make chaos` needs.
set -euo pipefail

packages=()
need() { # need <package> <command that succeeds when it is there>
  "${@:2}" >/dev/null 2>&1 || packages+=("$1")
}
has() { command -v "$1"; }
has_postgres() { has postgres || compgen -G '/usr/lib/postgresql/*/bin/initdb' || [[ -x ${CLAVIGER_POSTGRES_BIN:-}/initdb ]]; }
has_pgbouncer() { has pgbouncer || [[ -x /usr/sbin/pgbouncer || -x ${CLAVIGER_PGBOUNCER:-}/pgbouncer ]]; }
has_chromium() { has chromium || has chromium-browser || has google-chrome || [[ -x ${CLAVIGER_CHROMIUM:-} ]]; }
has_redis() { has redis-server || has valkey-server || [[ -x ${CLAVIGER_REDIS_SERVER:-} ]]; }

need git has git
need make has make
need gcc has cc
# The headers are only recommended by gcc, and recommendations are not installed.
need libc6-dev test -e /usr/include/stdio.h
need pkg-config has pkg-config
need curl has curl
need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
need util-linux has setpriv
need postgresql has_postgres
need redis-server has_redis
need pgbouncer has_pgbouncer

# It throws generated requests at a running installation, with a tool from PyPI, opens the console in a browser, checks the
# alerts, and repeats this installation in a root of its own.
if [[ ${1:-} == check ]]; then
  need python3 has python3
  need python3-venv python3 -c 'import ensurepip, venv'
  need jq has jq
  # For promtool, which checks the alerts. Its server is not started.
  need prometheus has promtool
  need debootstrap has debootstrap
  need chromium has_chromium
  # Node brings npm along where it comes from elsewhere; Debian has it apart.
  need nodejs has node
  need npm has npm
fi
# It starts replicas whose wall clocks are wrong.
if [[ ${1:-} == chaos ]]; then
  need libfaketime compgen -G '/usr/lib/*/faketime/libfaketime.so.1'
fi

if [[ ${#packages[@]} -gt 0 ]]; then
  if ! has apt-get >/dev/null; then
    echo "This system has no apt-get. Please install: ${packages[*]} (these are Debian's names)." >&2
    exit 1
  fi
  as_root=()
  if [[ $(id -u) -ne 0 ]]; then
    has sudo >/dev/null || { echo "Please run as root: apt-get install ${packages[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi

  # Debian asks this file whether a package may start its server; ours says no, for as long as the installation lasts.
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
  fi

  echo "Installing ${packages[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"

  # Neither now nor at the next boot. What was installed before is left as it was.
  if [[ -d /run/systemd/system ]]; then
    for package in "${packages[@]}"; do
      case $package in
        postgresql | redis-server | pgbouncer | prometheus) "${as_root[@]}" systemctl disable --now "$package" ;;
      esac
    done
  fi
fi

if ! has cargo >/dev/null; then
  echo "Rust is missing. Install rustup (https://rustup.rs); rust-toolchain.toml says which version it then takes." >&2
  exit 1
fi
echo "Everything is there."
