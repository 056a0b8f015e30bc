#!/usr/bin/env bash
# Checks what is installed without Kubernetes: the image (assembled twice, run as a user without rights on a read-only
# root) and the systemd units.
# usage: deploy/check.sh <the claviger binary>
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

first=$(python3 deploy/image/assemble.py "$program" "$work/first" commit)
second=$(python3 deploy/image/assemble.py "$program" "$work/second" commit)
[[ $first == "$second" ]] || { echo "two assemblies of one program differ: $first, $second" >&2; exit 1; }
jq -e '.components | map(select(.name == "libc6" or .name == "tokio")) | length == 2' "$work/first/sbom.cdx.json" >/dev/null ||
  { echo "the SBOM lacks libc6 or tokio" >&2; exit 1; }

inside() { # inside <arguments>: the program in its image, with no right and nothing that it can write to
  unshare --mount --propagation private bash -c '
    mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" &&
      exec chroot --userspec=65532:65532 "$0" /usr/bin/claviger "$@"' "$work/first/rootfs" "$@"
}
if [[ $(id -u) -eq 0 ]] && unshare --mount true 2>/dev/null; then
  [[ $(inside --version) == "$("$program" --version)" ]] || { echo "the image does not run" >&2; exit 1; }
  status=0
  inside serve api >/dev/null 2>&1 || status=$?
  [[ $status -eq 78 ]] || { echo "without a configuration the image ends with $status instead of 78" >&2; exit 1; }
else
  echo "the image is not run: that takes root and a mount namespace"
fi

if command -v systemd-analyze >/dev/null; then
  for unit in deploy/systemd/*.service; do
    # The program is where this machine has it; everything else is the unit as it is installed.
    sed "s|/usr/bin/claviger|$program|" "$unit" >"$work/$(basename "$unit")"
  done
  complaints=$(systemd-analyze verify "$work"/*.service 2>&1) || true
  [[ -z $complaints ]] || { echo "$complaints" >&2; exit 1; }
else
  echo "the units are not verified: systemd-analyze is not installed"
fi
echo "image $first"
