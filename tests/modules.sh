#!/usr/bin/env bash
# Installs what package-lock.json of a folder names, unless it is there already; then makes the file STAMP.
#
# usage: modules.sh FOLDER STAMP
set -euo pipefail

stamp=$(realpath "$2")
cd "$1"

exec 9<package-lock.json
flock 9 # two build directories may do this at once, in this one folder
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  npm ci
fi
touch "$stamp"
