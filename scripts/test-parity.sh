#!/usr/bin/env bash
# Installs compilers and libraries where they are missing, and runs the tests of producers and workers in other languages, and of the Helm chart,
# whose engine is in Go: all of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
[ -e /usr/include/nats/nats.h ] || missing+=(libnats-dev)
command -v go >/dev/null || missing+=(golang-go)
[ -d /usr/share/gocode/src/github.com/nats-io/nats.go ] || missing+=(golang-github-nats-io-go-nats-dev)
[ -d /usr/share/gocode/src/github.com/Masterminds/sprig ] || missing+=(golang-github-masterminds-sprig-dev)
[ -d /usr/share/gocode/src/sigs.k8s.io/yaml ] || missing+=(golang-k8s-sigs-yaml-dev)
command -v python3 >/dev/null || missing+=(python3)
if [ "${#missing[@]}" != 0 ]; then
  command -v apt-get >/dev/null || { echo "these packages are missing: ${missing[*]}" >&2; exit 1; }
  root=()
  [ "$(id -u)" = 0 ] || root=(sudo -n)
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
JETFLEET_PARITY=1 npx vitest run test/integration/producers.test.ts test/parity
