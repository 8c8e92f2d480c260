"""The search for a recipe's learning rate and number of train steps, the same for every recipe. It trains nothing.

One training for each learning rate and tuning customer, judged at several train steps. What counts is what the trainer
chooses checkpoints by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu_worker.train import TrainConfig
from gpu_worker.train.choosing import WEIGHTS
from tests.benchmarks import quality_recipes as recipes
from tests.benchmarks.quality_results import Line, Results
from tests.benchmarks.quality_scale import Scale, spread
from tests.benchmarks.quality_training import Training, class_noun

DIGITS = 2  # what differs less is noise; fewer train steps win then


@dataclass(frozen=True)
class Found:
    """What was found for a recipe; `score` is the weighted sum of the tuning customers' means."""

    learning_rate: float
    train_steps: int
    score: float


def rates(base_model: str, scale: Scale) -> tuple[float, ...]:
    """The learning rates that every recipe is tried with, around the base model's own."""
    own = recipes.ours(base_model, "person", scale).learning_rate
    return tuple(float(f"{own * factor:.2g}") for factor in scale.factors)


def trainings(recipe: str, base_model: str, base_hash: str, scale: Scale) -> list[Training]:
    """All trainings of one recipe's search."""
    length = max(1, round(recipes.own_steps(base_model, scale) * scale.length))
    steps = spread(length, scale.looks)
    return [
        Training(
            name(recipe, rate),
            customer,
            _config(recipe, base_model, class_noun(customer), scale, rate, length),
            steps,
            scale.search,
            scale.search,
            base_hash,
        )
        for customer in scale.tuning
        for rate in rates(base_model, scale)
    ]


def name(recipe: str, rate: float) -> str:
    return f"{recipe}@{rate:g}"


def found(searched: Sequence[Training], results: Results) -> Found | None:
    """The best pair of learning rate and train steps; None before all of the search is done."""
    if any(training.left(results) for training in searched):
        return None
    pairs = {(training.config.learning_rate, step) for training in searched for step in training.steps}
    scores = {pair: _score(searched, results, *pair) for pair in pairs}
    best = min(scores, key=lambda pair: (-round(scores[pair], DIGITS), pair[1], pair[0]))
    return Found(*best, round(scores[best], 4))


def worth(line: Line) -> float:
    """The weighted mean of what was measured, 0..1."""
    named = {"distance": "copy_distance"}
    total = sum(weight * line[named.get(score, score)] for score, weight in WEIGHTS.items())
    return float(total / sum(WEIGHTS.values()))


def _score(searched: Sequence[Training], results: Results, rate: float, step: int) -> float:
    same = [training for training in searched if training.config.learning_rate == rate]
    return float(np.mean([worth(results[training.key(step)]) for training in same]))


def _config(recipe: str, base_model: str, noun: str, scale: Scale, rate: float, length: int) -> TrainConfig:
    if recipe == recipes.EXAMPLE:
        return recipes.example(base_model, noun, scale, rate, length)
    usual = recipes.ours(base_model, noun, scale)
    text = float(f"{usual.text_encoder_lr * rate / usual.learning_rate:.2g}")
    changed = {"learning_rate": rate, "text_encoder_lr": text, "max_train_steps": length, "num_validation_images": 0}
    return recipes.ours(base_model, noun, scale, **changed)
