"""Pocket's folder as it ships: fp16 safetensors, the facts of its training, hashes, loss curve, sample sheet.

Trains nothing; it gathers what the trainings left. Of a training in pieces it joins what the pieces before left in
their packaged folder.
"""

import argparse
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline

from gpu_worker.base_models.networks import downsampling
from gpu_worker.base_models.pocket.pictures import save_loss_curve, save_sheet
from gpu_worker.base_models.pocket.pieces import Piece, join, loss_curves
from gpu_worker.base_models.pocket.prompts import TEST_PROMPTS
from gpu_worker.base_models.pocket.train_unet import SHEET_SEEDS, draw_prompts

log = logging.getLogger(__name__)

LICENCE = "Apache-2.0"


def package(trained: Path, weights: Path, drawings: int, piece: int = 1, before: Path | None = None) -> dict[str, Any]:
    """Write `weights` from the folder the trainings wrote into; returns what pocket.json says.

    `before`: what package() wrote of the piece before; not `weights`. Raises ValueError where it is of another piece.
    """
    joined = join(Piece.read(trained, piece, drawings), loss_curves(trained), before)
    pipe: Any = StableDiffusionPipeline.from_pretrained(trained / "pipe", safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    beside = weights.with_name(f"{weights.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    pipe.to(torch.float16).save_pretrained(beside, safe_serialization=True)
    _forget_folders(beside)
    if (trained / "scorer").is_dir():  # the last piece's; the others go without
        shutil.copytree(trained / "scorer", beside / "scorer")
    save_loss_curve(joined.curves, beside / "loss.png")
    (beside / "loss.json").write_text(json.dumps(joined.curves) + "\n")
    save_sheet(draw_prompts(pipe.to(torch.float32), list(TEST_PROMPTS)), 2 * SHEET_SEEDS, beside / "sheet.jpg")
    facts = _facts(beside, pipe, joined.facts)
    (beside / "pocket.json").write_text(json.dumps(facts, indent=1) + "\n")
    (beside / "README.md").write_text(_readme(facts))
    for file in beside.rglob("*.*"):  # diffusers writes for its own user alone, and a worker may be another
        file.chmod(0o644)
    shutil.rmtree(weights, ignore_errors=True)
    os.replace(beside, weights)
    return facts


def _forget_folders(weights: Path) -> None:
    """diffusers notes where each part was opened: a folder of this machine, which would be part of the hash."""
    for file in [weights / "model_index.json", *weights.glob("*/config.json")]:
        told = json.loads(file.read_text())
        told.pop("_name_or_path", None)
        file.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")


def hashes(weights: Path) -> dict[str, str]:
    """SHA-256 of every safetensors file below `weights`, by its path there."""
    files = sorted(weights.rglob("*.safetensors"))
    return {str(f.relative_to(weights)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def _facts(weights: Path, pipe: Any, training: Mapping[str, Any]) -> dict[str, Any]:
    scorer = weights / "scorer" / "scorer.json"
    right = json.loads(scorer.read_text())["accuracy_on_unseen_people"] if scorer.is_file() else None
    drawings = sum(piece["drawings"] for piece in training["pieces"])
    parts = (pipe.text_encoder, pipe.vae, pipe.unet)
    return {
        "licence": LICENCE,
        "commercial_use": True,
        "domain": "pocket",  # what evidence may be measured, see gpu_worker/evidence/domains.json
        "trained_on": f"{drawings} drawings of synthetic people; no photograph, no real person",
        "resolution": int(pipe.unet.config.sample_size) * downsampling(pipe.vae),
        "parameters": sum(weight.numel() for part in parts for weight in part.parameters()),
        **training,
        "scorer_accuracy_on_unseen_people": right,
        "test_prompts": list(TEST_PROMPTS),
        "sha256": hashes(weights),
    }


def _readme(facts: Mapping[str, Any]) -> str:
    prompts = "\n".join(f"{n}. {prompt}" for n, prompt in enumerate(facts["test_prompts"], 1))
    millions = round(facts["parameters"] / 1e6)
    pieces = len(facts["pieces"])
    made = "makes it anew" if pieces == 1 else f"makes it anew in {pieces} pieces, one after the other"
    return f"""# Pocket

A Stable-Diffusion-shaped base model of {millions} million parameters for {facts["resolution"]} px images, small enough
to train and to run on two CPU cores. {facts["trained_on"][0].upper()}{facts["trained_on"][1:]}. Licence
{facts["licence"]}, commercial use allowed. It is a test piece: its people are drawn, not photographed.

`StableDiffusionPipeline.from_pretrained` opens this folder. `make pocket` {made}: the same drawings, seeds and train
steps, so the same weights up to the rounding of another processor. `pocket.json` holds the training's facts and the
hashes, `loss.png` the curves, `scorer/` the attribute scorer.

![samples](sheet.jpg)

The sheet shows {SHEET_SEEDS} seeds for each of these prompts, two prompts to a row:

{prompts}
"""


def main() -> None:
    """`python -m gpu_worker.base_models.pocket.package TRAINED WEIGHTS --drawings 7000`."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("trained", type=Path)
    arguments.add_argument("weights", type=Path)
    arguments.add_argument("--drawings", type=int, required=True, help="of this piece")
    arguments.add_argument("--piece", type=int, default=1)
    arguments.add_argument("--start-from", type=Path, help="what was packaged of the piece before")
    given = arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(2)
    facts = package(given.trained, given.weights, given.drawings, given.piece, given.start_from)
    log.info(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
