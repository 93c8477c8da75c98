#!/usr/bin/env bash
# A browser for the tests of the report's page: the one that is there, or else Debian's.
set -eu

for name in chromium google-chrome; do
  if command -v "$name"; then exit 0; fi
done
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update --quiet
"${as_root[@]}" apt-get install --quiet --yes --no-install-recommends chromium
command -v chromium
