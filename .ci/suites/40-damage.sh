#!/usr/bin/env bash
# The matrix of damage: every kind of damage to every kind of object, in one mirror, in all, and in
# different places of all; and to the catalog by itself. What has a good copy anywhere comes back,
# what has none is named, and nothing that was good is touched. Needs nothing but npm.
set -u
cd "$(dirname "$0")/../.." || exit 1
# The Node that the project installs for itself.
export PATH="$PWD/node_modules/.bin:$PATH"
vitest run --config vitest.damage.config.ts
