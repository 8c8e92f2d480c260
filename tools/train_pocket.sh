#!/usr/bin/env bash
# Draws people and trains the pocket base model on them, in pieces: each has people of its own and goes on from the
# packaged weights of the piece before, so that nothing else is to be kept. The first piece also trains the VAE, the last
# one the attribute scorer and the matte network. A piece takes about two and a half hours of two cores that do nothing
# else; once its unet is trained it is packaged, and may be committed whatever comes after.
#
#   tools/train_pocket.sh [WORK] [--piece N] [--pieces M] [--weights FOLDER]
#
# Resumable: run it again and it goes on where it stopped; what is done is not done again. WORK can be thrown away when
# the piece is packaged. COUNT, VAE_STEPS, UNET_STEPS, SCORER_STEPS and MATTE_STEPS change how much is done.
# Needs EGL for drawing (Debian: libegl1 libgl1-mesa-dri); no display, no GPU.
set -euo pipefail
cd "$(dirname "$0")/.."
work=pocket-training piece=1 pieces=3 weights=gpu_worker/base_models/pocket/second
while (($#)); do
    case $1 in
    --piece) piece=$2 && shift 2 ;;
    --pieces) pieces=$2 && shift 2 ;;
    --weights) weights=$2 && shift 2 ;;
    --*) echo "unknown option $1" >&2 && exit 2 ;;
    *) work=$1 && shift ;;
    esac
done
python=${PYTHON:-.venv/bin/python}
pocket=gpu_worker.base_models.pocket
count=${COUNT:-7000}
unet_steps=${UNET_STEPS:-$((piece == 1 ? 2000 : 3500))} # the first piece's time goes to the VAE
here=$work/piece-$piece drawings=$work/piece-$piece/drawings

once() { # NAME COMMAND...: not again when an earlier run did it
    local name=$1 && shift
    [ -e "$here/$name.done" ] && return
    echo "$(date +%H:%M) piece $piece: $name"
    "$@"
    touch "$here/$name.done"
}

keep() { # FOLDER COPY, if the last piece in it is the one before this
    local last
    last=$(grep -o '"piece": [0-9]*' "$1/pocket.json" | tail -1 || true)
    [ "$last" = "\"piece\": $((piece - 1))" ] || { echo "$1 does not end with piece $((piece - 1))" >&2 && exit 1; }
    rm -rf "$2" && cp -r "$1" "$2"
}

if ((piece == 1)) && [ -e "$weights/pocket.json" ] && [ ! -e "$here/vae.done" ]; then
    echo "$weights holds a piece already: go on with --piece N, or remove it to begin anew" >&2 && exit 1
fi
mkdir -p "$here"
train=(--piece "$piece" --pieces "$pieces")
vae=$here/vae start=()
if ((piece > 1)); then
    # What this piece starts from lies where its own weights will lie: it is kept aside first.
    once start keep "$weights" "$here/start"
    vae=$here/start/vae start=(--start-from "$here/start")
fi

# Ten: below lie the people of earlier weights.
once drawings $python -m $pocket.people "$drawings" --count "$count" --size 192 --whole --workers 2 --seed $((10 + piece))
if ((piece == 1)); then
    once vae $python -m $pocket.train_vae "$drawings" "$here" ${VAE_STEPS:+--steps "$VAE_STEPS"}
fi
once unet $python -m $pocket.train_unet "$drawings" "$vae" "$here" "${train[@]}" "${start[@]}" --steps "$unet_steps"
package() { $python -m $pocket.package "$here" "$weights" --drawings "$count" --piece "$piece" "${start[@]}"; }
once package package
if ((piece == pieces)); then
    once scorer $python -m $pocket.train_scorer "$drawings" "$vae" "$here" ${SCORER_STEPS:+--steps "$SCORER_STEPS"}
    once scored package
    once matte $python -m $pocket.train_matte "$drawings" "$here" ${MATTE_STEPS:+--steps "$MATTE_STEPS"}
    for kind in safetensors json; do
        cp "$here/matte.$kind" gpu_worker/matting/weights/pocket.$kind
    done
fi
echo "piece $piece of $pieces is in $weights: look at its sheet.jpg, then commit it"
