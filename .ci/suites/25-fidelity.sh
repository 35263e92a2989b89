#!/usr/bin/env bash
# Trees with everything that Linux knows, saved and restored by the built program, and compared by a
# script that uses nothing of it. Needs the built program and Python 3.11 or newer; parts of it need
# root and are skipped, and counted as such, without.
set -u
cd "$(dirname "$0")/../.." || exit 1
export PYTHONDONTWRITEBYTECODE=1
# The Node that the project installs for itself.
export PATH="$PWD/node_modules/.bin:$PATH"

# Not in memory: tmpfs knows neither inode flags nor all times.
work=$(mktemp -d)
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
python3 test/fidelity/suite.py "$work"
