#!/usr/bin/env bash
# Builds and checks the console's web app. What it builds, services/console/web/dist, is committed, so that only a change of
# the web app needs Node.
# usage: scripts/web.sh build | types | check
set -euo pipefail
cd "$(dirname "$0")/../services/console/web"

has_node() { command -v npm >/dev/null && node -e 'process.exitCode = parseInt(process.versions.node) < 20 ? 1 : 0'; }

# All that the bundle is made of, each file with its hash. Tests and the fixture are no part of it, and the generated types
# leave nothing in it.
sources() {
  find src index.html package.json package-lock.json vite.config.ts -type f \
    ! -name '*.test.ts' ! -name '*.test.tsx' ! -path 'src/test/*' ! -path 'src/client/*' -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

# npm deletes and unpacks everything on each call: only when the lock file is another one.
install() {
  local lock
  lock=$(sha256sum package-lock.json)
  [[ -e node_modules/.installed && $(<node_modules/.installed) == "$lock" ]] && return
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  echo "$lock" >node_modules/.installed
}

build_into() { npx vite build --outDir "$1" --emptyOutDir --logLevel warn && sources >"$1/SOURCES"; }

check_types() {
  node scripts/gen.mjs "$1/client" >/dev/null
  diff -r src/client "$1/client" || { echo "src/client is not what services/api/openapi.json says: run make fix" >&2; return 1; }
}

case "${1:-}" in
build)
  has_node || { echo "Node 20 or newer is needed to build the web app" >&2; exit 1; }
  install
  npm run --silent gen >/dev/null
  build_into dist
  node scripts/budgets.mjs dist
  ;;
types)
  has_node || { echo "web: Node 20 is not installed; services/console/web/src/client stays as it is"; exit 0; }
  install
  npm run --silent gen >/dev/null
  ;;
check)
  # This part needs no Node: it says whether somebody changed the sources without building.
  [[ $(sources) == "$(cat dist/SOURCES)" ]] || { echo "services/console/web/dist is not built from these sources: run make web" >&2; exit 1; }
  has_node || { echo "web: Node 20 is not installed; the bundle is the one built from these sources"; exit 0; }
  install
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  check_types "$scratch"
  npm run --silent lint
  npm run --silent types
  npm run --silent test -- --silent
  build_into "$scratch/dist"
  diff -rq dist "$scratch/dist" || { echo "the bundle cannot be reproduced from its sources: run make web" >&2; exit 1; }
  node scripts/budgets.mjs dist
  ;;
*)
  echo "usage: scripts/web.sh build | types | check" >&2
  exit 2
  ;;
esac
