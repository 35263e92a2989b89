#!/usr/bin/env bash
# Kills, faults, full disks and old copies: whatever happens to a process or to what it writes to,
# what was stored comes back. Also the longer ones of the other tests. Needs nothing but npm; what
# needs root says so where it is not.
set -u
cd "$(dirname "$0")/../.." || exit 1
# The Node that the project installs for itself.
export PATH="$PWD/node_modules/.bin:$PATH"
vitest run --config vitest.long.config.ts
