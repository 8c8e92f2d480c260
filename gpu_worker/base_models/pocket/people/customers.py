"""`python -m gpu_worker.base_models.pocket.people.customers OUT`: one person in many photos, as a customer sends them.

The photos' exact alphas are the ground truth that mattes are measured by. Customers' seeds lie above every
person that pocket learns from, so that no customer was ever seen in training.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.drawing import Drawing, attributes, draw
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.shot import DRESSES, Shot

FIRST_SEED = 1_000_000_000  # above shards.PEOPLE_PER_SEED times any seed in use
SIZE = 512  # pixels: what preprocess asks of a photo
QUALITY = 90  # JPEG: about 40 kB a photo
LOOKS = ("gender", "skin", "hair_style", "hair_colour", "eye_colour", "beard")  # that can be asked for
OF_SHOT = ("glasses", "mood", "garment", "garment_colour", "scene")  # the attributes that differ by photo


def customer(seed: int, **looks: str) -> Person:
    """The customer of this number; `looks` fixes some of LOOKS."""
    return Person.from_seed(FIRST_SEED + seed, words.SHIPPED, **looks)


def shots(person: Person, photos: int) -> list[Shot]:
    """Shots that repeat no scene, garment, colour or mood before all were used; eyes stay uncovered."""
    rng = np.random.default_rng([19, person.seed])
    dresses = words.GARMENTS if person.gender == "woman" else DRESSES
    scenes, garments = rng.permutation(list(words.SCENES)), rng.permutation(dresses)
    colours, moods = rng.permutation(list(words.GARMENT_COLOURS)), rng.permutation(words.MOODS)
    return [
        Shot.from_seed(person, number).change(
            scene=str(scenes[number % len(scenes)]),
            garment=str(garments[number % len(garments)]),
            garment_colour=str(colours[number % len(colours)]),
            mood=str(moods[number % len(moods)]),
            glasses="none",
        )
        for number in range(photos)
    ]


def write(person: Person, out: Path, photos: int, size: int = SIZE) -> None:
    """Write photo-N.jpg, alpha-N.png (N from 1) and attributes.json into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    about: dict[str, dict[str, str]] = {}
    planned = shots(person, photos)
    for number, shot in enumerate(planned, start=1):
        drawing = draw(person, shot, size)
        _save(drawing, out, number)
        differs = {name: drawing.attributes[name] for name in OF_SHOT}
        about[f"photo-{number}.jpg"] = differs | {"caption": drawing.caption}
    looks = {k: v for k, v in attributes(person, planned[0]).items() if k not in OF_SHOT}
    text = json.dumps({**looks, "photos": about}, indent=2)
    (out / "attributes.json").write_text(text + "\n")


def _save(drawing: Drawing, out: Path, number: int) -> None:
    Image.fromarray(drawing.image).save(out / f"photo-{number}.jpg", quality=QUALITY)
    Image.fromarray((drawing.alpha * 255 + 0.5).astype(np.uint8)).save(out / f"alpha-{number}.png")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gpu_worker.base_models.pocket.people.customers")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="which customer")
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--size", type=int, default=SIZE, help="pixels")
    for look in LOOKS:
        parser.add_argument(f"--{look.replace('_', '-')}", help="as in vocabulary.py; drawn by the seed when left out")
    options = parser.parse_args(arguments)
    looks = {look: value for look in LOOKS if (value := getattr(options, look))}
    write(customer(options.seed, **looks), options.out, options.photos, options.size)
    sys.stdout.write(f"{options.photos} photos, their alphas and attributes.json in {options.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
