"""How much of a person does a VAE leave? The ceiling for everything that is drawn with it.

`python -m tests.benchmarks.people.ceiling FOLDER...` draws people whom nothing was trained on, sends their photos
through the VAE in each FOLDER (a vae/ of a base model) and back, and asks SFace whom they show. The threshold lets 1 %
of strangers pass, on untouched photos of the VAE's own size. Printed are the share of untouched photos and of those
that went through which are accepted as their person, and the same at the threshold of pairs in docs/people-faces.txt.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpu_worker.base_models.pocket.drawings import shrink
from gpu_worker.base_models.pocket.train_scorer import round_trip
from gpu_worker.base_models.pocket.train_unet import open_vae
from tests.benchmarks.people.alike import Crowd, found, vectors

FIRST_CUSTOMER = 24_000  # no other benchmark's
DRAWN = 192  # px, as those that pocket learns from
OF_PAIRS = 0.658  # docs/people-faces.txt, where two photos are compared and not one with several

Line = dict[str, Any]


def photos_of(seed: int, count: int) -> np.ndarray:
    """Of one customer, RGB, uint8 (count, DRAWN, DRAWN, 3)."""
    from gpu_worker.base_models.pocket.people import customers
    from gpu_worker.base_models.pocket.people.drawing import draw

    person = customers.customer(seed)
    return np.stack([draw(person, shot, DRAWN).image for shot in customers.shots(person, count)])


def measure(photos: np.ndarray, vae: Any) -> Line:
    """Of `photos`, uint8 (people, count, S, S, 3), and one VAE."""
    people, count = photos.shape[:2]
    plain = shrink(photos.reshape(-1, *photos.shape[2:]), int(vae.config.sample_size))
    crowd, again = (Crowd(_seen(images, people, count)) for images in (plain, round_trip(vae, plain)))
    threshold = crowd.threshold()
    error = (round_trip(vae, plain[:32]).float() - plain[:32].float()).abs().mean()
    return {
        "side": int(vae.config.sample_size),
        "threshold": round(threshold, 3),
        "untouched": round(crowd.rate(crowd.seen, threshold), 4),
        "ceiling": round(crowd.rate(again.seen, threshold), 4),
        "untouched_of_pairs": round(crowd.rate(crowd.seen, OF_PAIRS), 4),
        "ceiling_of_pairs": round(crowd.rate(again.seen, OF_PAIRS), 4),
        "faces": round(found(again.seen), 4),
        "error_of_255": round(float(error), 2),
    }


def _seen(images: torch.Tensor, people: int, count: int) -> np.ndarray:
    return vectors(list(images.permute(0, 2, 3, 1).numpy())).reshape(people, count, -1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.people.ceiling", description=__doc__)
    parser.add_argument("vaes", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--photos", type=int, default=6, help="of each; 2 at least")
    options = parser.parse_args(arguments)
    seeds = range(FIRST_CUSTOMER, FIRST_CUSTOMER + options.people)
    photos = np.stack([photos_of(seed, options.photos) for seed in seeds])
    for folder in options.vaes:
        told = measure(photos, open_vae(folder))
        print(json.dumps({"bench": "people ceiling", "vae": str(folder), **told}), flush=True)


if __name__ == "__main__":
    main()
