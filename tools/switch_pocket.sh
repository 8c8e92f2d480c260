#!/usr/bin/env bash
# Puts a newly trained pocket in the place of the one that ships, and draws the styles' previews with it.
#
#   tools/switch_pocket.sh [FOLDER]
#
# docs/pocket.md lists what is to be looked at afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
pocket=gpu_worker/base_models/pocket
new=${1:-$pocket/second}
[ -e "$new/pocket.json" ] || { echo "$new holds no packaged pocket" >&2 && exit 1; }
rm -rf "$pocket/weights"
mv "$new" "$pocket/weights"
${PYTHON:-.venv/bin/python} -m tools.draw_previews
git --no-pager diff --stat
