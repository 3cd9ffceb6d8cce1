#!/usr/bin/env bash
# Proves the two commands on a bare Debian 12: makes one in a folder, clones HEAD into it, and runs ./dev run with the
# first curl line, and ./dev test, in a chroot. Nothing of it outlives the script.
#
# usage: fresh.sh [--keep DIR]    DIR: where the bare Debian is kept (and taken from) for the next time
#
# Behind a mirror or a proxy: the host's sources of Debian packages, its certificates, its npm settings and its proxy
# variables are carried over.
set -euo pipefail
repo=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)

say() { printf '%s\n' "fresh: $*"; }

# In namespaces of our own: mounts and processes vanish with them. Networks are the host's.
if [ "${JOBBAD_FRESH:-}" != inside ]; then
  run=(env JOBBAD_FRESH=inside unshare --mount --pid --fork --kill-child "$0" "$@")
  if [ "$(id -u)" = 0 ]; then exec "${run[@]}"; else exec sudo "${run[@]}"; fi
fi

work=$(mktemp -d)
clean_up() {
  umount -R -l "$work"/root/{proc,dev,tmp} 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT
bare=$work/bare
if [ "${1:-}" = --keep ]; then bare=$(realpath -m "$2"); fi
root=$work/root

# The first source of Debian packages of this machine: "deb URL suite" lines, or "URIs:" of the newer form.
host_mirror() {
  local found
  found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE -e 's/^deb (\[[^]]*\] )?(\S+) bookworm .*/\2/p' -e 's/^URIs: *(\S+\/debian\/?).*/\1/p' | head -n 1)
  printf '%s' "$found"
}

make_bare() {
  local mirror
  mirror=$(host_mirror)
  say "making a bare Debian 12 in $bare"
  mkdir -p "$bare"
  # shellcheck disable=SC2086 # no mirror: debootstrap's own
  debootstrap --variant=minbase --include=git,ca-certificates bookworm "$bare" $mirror >"$work/debootstrap.log" 2>&1 || {
    tail -n 20 "$work/debootstrap.log"
    exit 1
  }
}

carry_over() {
  local file
  for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt /root/.npmrc /etc/apt/apt.conf.d/*proxy*; do
    if [ -f "$file" ]; then
      mkdir -p "$root$(dirname "$file")"
      cp -L "$file" "$root$file"
    fi
  done
  if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
    printf '%s\n' "cafile = /etc/ssl/certs/ca-certificates.crt" >>"$root/root/.npmrc"
  fi
  if grep -qs '^Suites:.*bookworm-updates' /etc/apt/sources.list.d/*.sources; then
    rm -f "$root/etc/apt/sources.list"
    for file in /etc/apt/sources.list.d/*.sources; do
      if grep -q '^URIs:.*debian' "$file"; then cp "$file" "$root/etc/apt/sources.list.d/"; fi
    done
  fi
}

inside() {
  env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb CI=true \
    http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" \
    chroot "$root" /bin/bash -c "cd /jobbad && $1"
}

mount_system() {
  mount --make-rprivate /
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/tmp"
}

prove_run() {
  local line
  say "./dev run"
  inside "./dev run --listen 127.0.0.1:0" >"$work/run.out" 2>"$work/run.err" &
  for _ in $(seq 1 3000); do
    if grep -q '^try: ' "$work/run.out"; then break; fi
    if ! kill -0 $! 2>/dev/null; then break; fi
    sleep 0.2
  done
  cat "$work/run.out"
  line=$(sed -n 's/^try: //p' "$work/run.out")
  if [ -z "$line" ]; then
    cat "$work/run.err"
    say "./dev run did not come up"
    return 1
  fi
  inside "$line -s" | tee "$work/first"
  grep -q '"state":"unqueued"' "$work/first"
  kill -TERM $!
  wait $! || true
}

prove_test() {
  say "./dev test"
  inside "./dev test" 2>&1 | tee "$work/test.out"
  tail -n 1 "$work/test.out" | grep -qE '^[1-9][0-9]* passed, 0 failed(, [0-9]+ skipped)?$'
}

if [ ! -e "$bare/etc/debian_version" ]; then make_bare; fi
say "copying it to $root"
cp -a "$bare" "$root"
git clone -q --no-hardlinks "$repo" "$root/jobbad"
mount_system
carry_over
start=$(date +%s)
prove_run
prove_test
say "both commands work on a bare Debian 12 ($(($(date +%s) - start)) s)"
