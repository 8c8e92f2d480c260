"""Do a subject's images look like the subject? Three drawn customers, eight prompts, against the base model's images.

Run by `make bench`. Same prompts and seeds with and without the subject's weights; hair colour, hair style, skin and
beard judged by the attribute scorer, garment and scene as well, so that a copied training photo does not pass.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from gpu_worker.base_models.pocket import people
from gpu_worker.base_models.pocket.people.vocabulary import SCENES
from gpu_worker.contact_sheet import contact_sheet
from gpu_worker.generate import GenerateConfig, generate_images
from gpu_worker.matte import MatteConfig, matte_photos
from gpu_worker.preprocess import PreprocessConfig, preprocess_photos
from gpu_worker.score import AttributeScorer
from gpu_worker.shared_folder import SharedFolder
from gpu_worker.subject_match import SCORER, read_images
from gpu_worker.train import TrainConfig, train_dreambooth

SAMPLES = Path(people.__file__).parent / "samples"
STYLE = "demo"
SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a training setting")
    parser.add_argument("--customers", type=int, default=3)
    parser.add_argument("--out", type=Path, help="keep images and contact sheets here")
    given = parser.parse_args()
    params = {key: json.loads(value) for key, value in (pair.split("=", 1) for pair in given.set)}
    scorer = AttributeScorer.load(SCORER)
    rows = []
    for customer in sorted(path for path in SAMPLES.iterdir() if path.is_dir())[: given.customers]:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(_customer(customer, given.out / customer.name if given.out else Path(folder), params, scorer))
        _tell(customer.name, rows[-1])
    mean = {name: round(float(np.mean([row[name] for row in rows])), 3) for name in rows[0]}
    _tell("mean", mean)
    kept = mean["prompt_match"] / mean["base_prompt_match"]
    print(json.dumps({"bench": "subjects", "customers": len(rows), **mean, "prompt_kept": round(kept, 3)}))


def _customer(samples: Path, folder: Path, params: dict[str, Any], scorer: AttributeScorer) -> dict[str, float]:
    """Train on one customer's photos, draw the style with and without, judge both. Rates in 0..1, seconds."""
    attributes = json.loads((samples / "attributes.json").read_text())
    params = {"class_noun": attributes["class_noun"], "style": STYLE, "seed": SEED} | params
    inputs = folder / "inputs"
    for name in ("photos", "preprocess", "matte", "train", "none"):
        (inputs / name).mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(sorted(samples.glob("*.jpg"))):
        (inputs / "photos" / f"{number:03d}.jpg").write_bytes(photo.read_bytes())
    preprocess_photos(inputs, inputs / "preprocess", PreprocessConfig.from_params(params))
    matte_photos(inputs, inputs / "matte", MatteConfig.from_params(params))
    began = time.monotonic()
    shared = Path(tempfile.gettempdir()) / "photogen-bench-class-images"
    train_dreambooth(inputs, inputs / "train", TrainConfig.from_params(params), shared=SharedFolder(shared))
    seconds = time.monotonic() - began
    drawn = {"subject": inputs, "base": inputs / "none"}
    for name, source in drawn.items():
        (folder / name).mkdir(exist_ok=True)
        generate_images(source, folder / name, GenerateConfig.from_params(params))
    sheet = [(name, sorted((folder / name).glob("*.png"))) for name in drawn]
    contact_sheet([("photos", sorted(samples.glob("*.jpg"))), *sheet]).save(folder / "sheet.png")
    return _rates(folder, attributes, scorer) | {"train_seconds": round(seconds, 1)}


def _rates(folder: Path, attributes: dict[str, Any], scorer: AttributeScorer) -> dict[str, float]:
    rates = {}
    for name, prefix in (("subject", ""), ("base", "base_")):
        images = read_images(folder / name)
        plans = json.loads((folder / name / "images.json").read_text())["images"]
        asked = [_asked(plan["prompt"], scorer) for plan in plans]
        right = [scorer.prompt_match(images[n : n + 1], wanted) for n, wanted in enumerate(asked)]
        rates[f"{prefix}subject_match"] = scorer.subject_match(images, attributes)
        rates[f"{prefix}prompt_match"] = float(np.mean(right))
    return rates


def _asked(prompt: str, scorer: AttributeScorer) -> dict[str, str]:
    """The garment and the scene that a prompt asks for, in the scorer's words."""
    garments = [garment for garment in scorer.values["garment"] if f" {garment}" in prompt]
    scenes = [scene for scene in scorer.values["scene"] if SCENES[scene] in prompt]
    asked = {"garment": max(garments, key=len, default=None), "scene": max(scenes, key=len, default=None)}
    return {attribute: value for attribute, value in asked.items() if value is not None}


def _tell(name: str, row: dict[str, float]) -> None:
    print(f"{name:>8}  " + "  ".join(f"{key} {value:.2f}" for key, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
