#!/usr/bin/env bash
# Packs what is built, and has "are the types wrong" and publint look at it as Node and TypeScript would. Needs `npm run build`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm pack --ignore-scripts --silent --pack-destination "$folder" >/dev/null
# A package of modules alone has nothing for `require` and for TypeScript without `exports`.
npx attw "$folder"/*.tgz --profile esm-only --format table-flipped --no-emoji --quiet
npx publint "$folder"/*.tgz --strict
