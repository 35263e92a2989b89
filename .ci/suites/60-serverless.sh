#!/usr/bin/env bash
# The functions of cdk/ under the runtime client of AWS Lambda against real servers; then the stacks
# deployed into an emulator of AWS, with the commands of docs/deploy.md: schedules and queues fire, and
# what policies do not allow is refused. Needs Python 3.11 or newer, PyPI, openssl, what
# 30-services.sh needs, cmake, make and g++; what it builds is kept as there.
set -u
cd "$(dirname "$0")/../.." || exit 1
export PIP_DISABLE_PIP_VERSION_CHECK=1
# The Node that the project installs for itself.
export PATH="$PWD/node_modules/.bin:$PATH"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! python3 -m venv "$work/venv" ||
  ! "$work/venv/bin/pip" install --quiet -r test/deployed/requirements.txt; then
  echo 'The emulator cannot be installed'
  echo '0 passed, 1 failed'
  exit 1
fi
if ! node test/services/main.ts install >/dev/null; then
  echo 'The servers or the runtime client cannot be built'
  echo '0 passed, 1 failed'
  exit 1
fi
# Buckets and queues refuse what is not encrypted on its way.
if ! openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=127.0.0.1' \
  -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' -addext 'basicConstraints=critical,CA:FALSE' \
  -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null; then
  echo 'There is no openssl to make a certificate with'
  echo '0 passed, 1 failed'
  exit 1
fi
export NODE_EXTRA_CA_CERTS="$work/cert.pem" VERSIONS_MINISTACK_KEY="$work/key.pem"
export VERSIONS_MINISTACK="$work/venv/bin/ministack"
vitest run --root . --config test/deployed/vitest.config.ts
