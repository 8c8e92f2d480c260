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
[ -e "$new/scorer/scorer.json" ] || { echo "$new has no scorer: its last piece is not done" >&2 && exit 1; }
rm -rf "$pocket/before"
mv "$pocket/weights" "$pocket/before"
mv "$new" "$pocket/weights"
if ! ${PYTHON:-.venv/bin/python} -m tools.draw_previews; then
    mv "$pocket/weights" "$new"
    mv "$pocket/before" "$pocket/weights"
    echo "no previews could be drawn: all is as it was" >&2 && exit 1
fi
rm -rf "$pocket/before"
git --no-pager diff --stat
