"""Pocket's shipped folder: fp16 safetensors, the facts of its training, hashes, loss curve, sample sheet.

Trains nothing; it gathers what the trainings left.
"""

import argparse
import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline

from gpu_worker.base_models.pocket.pictures import save_loss_curve, save_sheet
from gpu_worker.base_models.pocket.prompts import TEST_PROMPTS
from gpu_worker.base_models.pocket.train_unet import SHEET_SEEDS, draw_prompts

log = logging.getLogger(__name__)

LICENCE = "Apache-2.0"
TRAININGS = ("vae", "unet", "scorer")


def package(trained: Path, weights: Path, drawings: int) -> dict[str, Any]:
    """Write `weights` from the folder the trainings wrote into; returns what pocket.json says."""
    shutil.rmtree(weights, ignore_errors=True)
    pipe: Any = StableDiffusionPipeline.from_pretrained(trained / "pipe", safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    pipe.to(torch.float16).save_pretrained(weights, safe_serialization=True)
    _forget_folders(weights)
    shutil.copytree(trained / "scorer", weights / "scorer")
    done = [name for name in TRAININGS if (trained / f"{name}.loss.json").is_file()]
    curves = {name: json.loads((trained / f"{name}.loss.json").read_text()) for name in done}
    save_loss_curve(curves, weights / "loss.png")
    (weights / "loss.json").write_text(json.dumps(curves) + "\n")
    save_sheet(draw_prompts(pipe.to(torch.float32), list(TEST_PROMPTS)), 2 * SHEET_SEEDS, weights / "sheet.jpg")
    facts = _facts(weights, trained, curves, drawings)
    (weights / "pocket.json").write_text(json.dumps(facts, indent=1) + "\n")
    (weights / "README.md").write_text(_readme(facts))
    for file in weights.rglob("*.*"):  # diffusers writes for its own user alone, and a worker may be another
        file.chmod(0o644)
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


def _facts(weights: Path, trained: Path, curves: Mapping[str, list[list[float]]], drawings: int) -> dict[str, Any]:
    scorer = json.loads((weights / "scorer" / "scorer.json").read_text())
    times = {name: _seconds(trained / f"{name}.checkpoint.pt") for name in curves}
    return {
        "licence": LICENCE,
        "commercial_use": True,
        "domain": "pocket",  # what evidence may be measured, see gpu_worker/evidence/domains.json
        "trained_on": f"{drawings} drawings of synthetic people; no photograph, no real person",
        "train_steps": {name: curve[-1][0] for name, curve in curves.items()},
        "final_loss": {name: curve[-1][1] for name, curve in curves.items()},
        "seconds_on_two_cores": times,
        "scorer_accuracy_on_unseen_people": scorer["accuracy_on_unseen_people"],
        "test_prompts": list(TEST_PROMPTS),
        "sha256": hashes(weights),
    }


def _seconds(checkpoint: Path) -> int:
    seconds: float = torch.load(checkpoint, weights_only=True)["seconds"]
    return round(seconds)


def _readme(facts: Mapping[str, Any]) -> str:
    prompts = "\n".join(f"{n}. {prompt}" for n, prompt in enumerate(facts["test_prompts"], 1))
    return f"""# Pocket

A Stable-Diffusion-shaped base model of 14 million parameters for 64 px images, small enough to train and to run
on two CPU cores. {facts["trained_on"][0].upper()}{facts["trained_on"][1:]}. Licence {facts["licence"]}, commercial
use allowed. It is a test piece: its people are drawn, not photographed.

`StableDiffusionPipeline.from_pretrained` opens this folder. `make pocket` makes it anew: the same drawings, seeds and
train steps, so the same weights up to the rounding of another processor. `pocket.json` holds the training's facts and
the hashes, `loss.png` the curves, `scorer/` the attribute scorer.

![samples](sheet.jpg)

The sheet shows {SHEET_SEEDS} seeds for each of these prompts, two prompts to a row:

{prompts}
"""


def main() -> None:
    """`python -m gpu_worker.base_models.pocket.package TRAINED WEIGHTS --drawings 9000`."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("trained", type=Path)
    arguments.add_argument("weights", type=Path)
    arguments.add_argument("--drawings", type=int, required=True)
    given = arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(2)
    log.info(json.dumps(package(given.trained, given.weights, given.drawings), indent=1))


if __name__ == "__main__":
    main()
