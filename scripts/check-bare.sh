#!/usr/bin/env bash
# Shows that `make test` works on a machine that has Rust, make and nothing else: makes an empty Debian with debootstrap,
# puts the toolchain, this checkout and what is built into it, and there runs `make test` for one test of each kind.
# usage: scripts/check-bare.sh TARGET_FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(readlink -f "${1:?the target folder}")
checkout=$PWD
# A rule, a query, an operation of the API, services through PgBouncer, and the processes that `make run` starts.
tests=(
  limit::tests::a_clock_that_steps_back_frees_nothing
  credits::no_balance_is_spent_twice
  keys::a_key_is_made_used_revoked_and_brought_back
  pooler::many_make_prove_and_revoke_keys_through_two_connections
  dev::a_second_start_finds_the_data_of_all_three_environments
)

skip() { echo "bare: skipped, $1"; exit 0; }
stamp=$target/bare.passed
state=$(sha256sum Makefile scripts/setup.sh scripts/check-bare.sh)
[[ ! -e $stamp || $(<"$stamp") != "$state" ]] || skip "the Makefile and the scripts are those of the last run that passed"
[[ $(id -u) -eq 0 ]] || skip "it needs root"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $release" | head -n 1)
[[ -n $mirror ]] || skip "apt knows no mirror of ${release:-this system}"

# Beside the target folder, because /tmp may be small or in memory.
root=$(mktemp -d -p "$target" --suffix=.bare)
# What is mounted lives in a mount namespace of its own and is gone with it, before this.
# An end by a signal is an end too.
trap 'exit 143' INT TERM
trap 'rm -rf --one-file-system "$root"' EXIT
chmod 755 "$root"

debootstrap --variant=minbase --include=make "$release" "$root" "$mirror" >"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
rm -f "$root.log"
# Its packages come from where this machine's do.
cp -a /etc/apt/. "$root/etc/apt/"
# Nothing here has to survive a crash, and waiting for the disk is most of the time.
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"

cargo_home=${CARGO_HOME:-$HOME/.cargo}
rustup_home=${RUSTUP_HOME:-$HOME/.rustup}
cat >"$root/run.sh" <<RUN
set -euo pipefail
cd '$checkout'
for absent in cc git postgres redis-server pgbouncer; do
  if command -v \$absent; then echo "bare: \$absent is there before anything is installed" >&2; exit 1; fi
done
make test ARGS='-- --exact ${tests[*]}'
RUN

inside() {
  set -euo pipefail
  root=$1; shift
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  for path in "$@"; do
    [[ -e ${path#ro:} ]] || continue
    real=${path#ro:}
    if [[ -d $real ]]; then mkdir -p "$root$real"; else mkdir -p "$(dirname "$root$real")"; touch "$root$real"; fi
    mount --bind "$real" "$root$real"
    [[ $path != ro:* ]] || mount -o remount,bind,ro "$root$real"
  done
  exec chroot "$root" /usr/bin/env -i "HOME=$HOME" "CARGO_HOME=$cargo_home" "RUSTUP_HOME=$rustup_home" \
    "CARGO_TARGET_DIR=$target" CARGO_NET_OFFLINE=true CARGO_TERM_COLOR=never RUST_BACKTRACE=0 \
    "PATH=$cargo_home/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" bash /run.sh
}
export -f inside
export cargo_home rustup_home target
# A process namespace too: nothing that is started in there is left.
unshare --mount --pid --fork --kill-child bash -c 'inside "$@"' _ "$root" \
  "$checkout" "$target" "ro:$cargo_home" "ro:$rustup_home" ro:/etc/hosts \
  2>&1 | tee "$root/log"

for test in "${tests[@]}"; do
  grep -qE "test $test \.\.\. ok|PASS .* $test\$" "$root/log" || { echo "bare: $test did not run" >&2; exit 1; }
done
echo "$state" >"$stamp"
