#!/usr/bin/env bash
# A browser for the tests of the report's page: the one that is there, or else Debian's. Where none can be had that is no failure here: the
# tests are skipped, and say so by name.
set -eu

for name in chromium google-chrome; do
  if command -v "$name"; then exit 0; fi
done
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
missing() { echo 'not to be had, so the tests of the page in a browser are skipped'; exit 0; }
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update --quiet || missing
"${as_root[@]}" apt-get install --quiet --yes --no-install-recommends chromium || missing
command -v chromium
