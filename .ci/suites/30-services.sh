#!/usr/bin/env bash
# Stores, catalogs, repositories and the program against real servers on this machine: MinIO twice, versitygw
# and DynamoDB Local. Needs Go, Java 17, Maven and their registries; what it builds is kept outside
# the working copy (docs/testing.md), and .ci/run has begun to build it long before.
set -u
cd "$(dirname "$0")/../.." || exit 1
# The Node that the project installs for itself.
export PATH="$PWD/node_modules/.bin:$PATH"

if ! node test/services/main.ts install minio-1 versitygw dynamodb >/dev/null; then
  echo 'The servers cannot be built'
  echo '0 passed, 1 failed'
  exit 1
fi
vitest run --root . --config test/services/vitest.config.ts
