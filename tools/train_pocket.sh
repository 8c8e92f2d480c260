#!/usr/bin/env bash
# Draws people and trains the pocket base model and matte network on them: about two and three quarter hours of two cores that do
# nothing else. Resumable: run it again.
# Needs EGL for drawing (Debian: libegl1 libgl1-mesa-dri); no display, no GPU.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:-pocket-training}
python=.venv/bin/python
pocket=gpu_worker.base_models.pocket
count=9000

mkdir -p "$work"
$python -m $pocket.people "$work/drawings" --count $count --size 128 --workers 2 --seed 0
$python -m $pocket.train_vae "$work/drawings" "$work"
$python -m $pocket.train_unet "$work/drawings" "$work/vae" "$work"
$python -m $pocket.train_scorer "$work/drawings" "$work/vae" "$work"
$python -m $pocket.train_matte "$work/drawings" "$work"
for kind in safetensors json; do
    cp "$work/matte.$kind" gpu_worker/matting/weights/pocket.$kind
done
$python -m $pocket.package "$work" gpu_worker/base_models/pocket/weights --drawings $count
