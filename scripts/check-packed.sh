#!/usr/bin/env bash
# Packs what is built, and has "are the types wrong", publint and a strict compiler look at it as Node and TypeScript would; holds api/ to the types.
# Needs `npm run build`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm pack --ignore-scripts --silent --pack-destination "$folder" >/dev/null
# A package of modules alone has nothing for `require` and for TypeScript without `exports`.
npx attw "$folder"/*.tgz --profile esm-only --format table-flipped --no-emoji --quiet
npx publint "$folder"/*.tgz --strict
node scripts/api-report.mjs --check

# A project with nothing but the package and what it installs, which checks the types of all of it.
mkdir -p "$folder/project/node_modules/@types"
tar xf "$folder"/*.tgz -C "$folder/project/node_modules"
mv "$folder/project/node_modules/package" "$folder/project/node_modules/jetfleet"
node scripts/strict-project.mjs "$folder/project"
node node_modules/typescript-7/bin/tsc -p "$folder/project"
# The declarations too; those of xstate do not allow for exact optional properties.
node node_modules/typescript-7/bin/tsc -p "$folder/project" --skipLibCheck false --exactOptionalPropertyTypes false
