#!/usr/bin/env bash
# Checks the chart with Helm 3 and 4, its rendered manifests against three versions of Kubernetes, and its rendered
# configuration with the program that reads it.
# usage: helm/check.sh <the claviger binary>
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "$0")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/claviger"

helm/tools.sh "$cache/helm"
venv="$cache/helm/venv"
if ! cmp -s helm/requirements.txt "$venv/installed.txt"; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement helm/requirements.txt
  cp helm/requirements.txt "$venv/installed.txt"
fi
PYTHONPATH=helm HELM="$cache/helm" CLAVIGER="$program" exec "$venv/bin/python" -m unittest --quiet helm/check.py
