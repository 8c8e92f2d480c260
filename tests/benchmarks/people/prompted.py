"""Does the base model draw what it is told? Captions of people and shots that were never drawn, judged by its scorer.

Nothing is trained here, and no person is drawn by the drawer: its words are enough.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gpu_worker.base_models.family import load_base_model
from gpu_worker.base_models.pocket.people import customers
from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.drawing import attributes
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.shot import Shot
from gpu_worker.base_models.pocket.train_unet import draw_prompts
from gpu_worker.score import AttributeScorer, visible
from tests.benchmarks.people.alike import found, vectors

FIRST_CUSTOMER = 25_000  # no other benchmark's
GOAL = ("hair_colour", "hair_style", "glasses", "garment_colour", "scene")  # what the mean is of
ALSO = ("garment", "hat", "beard", "skin")


def asked(count: int, known: words.Words) -> list[dict[str, str]]:
    """What `count` people look like in a shot each."""
    people = [Person.from_seed(customers.FIRST_SEED + FIRST_CUSTOMER + n, known) for n in range(count)]
    return [attributes(person, Shot.from_seed(person, 0, known)) for person in people]


def measure(base_model: str, count: int) -> dict[str, Any]:
    """Shares of `count` images with a face, and of those that show each attribute as their caption says it."""
    scorer = AttributeScorer.load(Path(base_model) / "scorer")
    wanted = asked(count, words.WHOLE if "hat" in scorer.values else words.SHIPPED)
    pipe = load_base_model(base_model).pipe()
    drawn = draw_prompts(pipe, [words.caption(each) for each in wanted], seeds=1)
    images = drawn.permute(0, 2, 3, 1).numpy()
    right = shares(scorer.judge(images), wanted)
    mean = float(np.mean([right[name] for name in GOAL if name in right]))
    return {"images": count, "faces": round(found(vectors(list(images))), 4), "right": round(mean, 4), **right}


def shares(seen: list[dict[str, str]], wanted: list[dict[str, str]]) -> dict[str, float]:
    """Of each attribute that was asked for and can be seen, how often it is there."""
    told: dict[str, float] = {}
    for name in (*GOAL, *ALSO):
        pairs = [(s, w) for s, w in zip(seen, wanted, strict=True) if name in s and visible(name, w)]
        if pairs:
            told[name] = round(float(np.mean([s[name] == w[name] for s, w in pairs])), 4)
    return told
