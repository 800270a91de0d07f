#!/bin/sh
# Fetches the libraries of the dashboard from the npm registry into this directory, at the versions below.
# Afterwards run the browser tests, and change the versions in README.md.
set -eu
PREACT=11.2.0
HTM=3.1.1
UPLOT=1.6.32

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent "preact@$PREACT" "htm@$HTM" "uplot@$UPLOT" >/dev/null
for name in preact htm uplot; do
    mkdir "$name"
    tar -xzf "$name"-*.tgz -C "$name" --strip-components=1
    cp "$name/LICENSE" "$here/LICENSE.$name"
done

# A browser resolves no bare names, and the source maps stay at home.
module() { sed -e 's|from"preact"|from"./preact.js"|g' -e '/^\/\/# sourceMappingURL=/d' "$1"; }
module preact/dist/preact.mjs > "$here/preact.js"
module preact/hooks/dist/hooks.mjs > "$here/preact-hooks.js"
module htm/dist/htm.module.js > "$here/htm.js"
{ cat uplot/dist/uPlot.iife.min.js; printf '\nexport default uPlot;\n'; } > "$here/uplot.js"
cp uplot/dist/uPlot.min.css "$here/uplot.css"
