#!/usr/bin/env bash
# The catalog against a real DynamoDB: DynamoDB Local, installed by test/services.
set -u
cd "$(dirname "$0")/../.." || exit 1
export PATH="$PWD/node_modules/.bin:$PATH"
node test/services/main.ts run dynamodb -- vitest run --config vitest.services.config.ts test/services/catalog
