#!/usr/bin/env bash
# Repositories that Versions writes, read by the reader in Python that was written from
# docs/format.md alone. Needs the built program, Python 3.11 or newer, and PyPI.
set -u
cd "$(dirname "$0")/../.." || exit 1
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The Node that the project installs for itself.
export PATH="$PWD/node_modules/.bin:$PATH"

work=$(mktemp -d)
# What was saved has directories that nobody may write to.
trap 'chmod -R u+rwX "$work"; rm -rf "$work"' EXIT

if ! python3 -m venv "$work/venv" ||
  ! "$work/venv/bin/pip" install --quiet -r test/independent-reader/requirements.txt; then
  echo 'The reader cannot be installed'
  echo '0 passed, 1 failed'
  exit 1
fi
mkdir "$work/scenarios"
"$work/venv/bin/python" test/independent-reader/scenarios.py bin/versions.js "$work/scenarios"
