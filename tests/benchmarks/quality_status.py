"""What is left of a run and how long it takes: by what this machine needed so far, else two quiet cores. No work."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.benchmarks.quality_customers import is_prepared
from tests.benchmarks.quality_likeness import needs_lessons
from tests.benchmarks.quality_plan import Plan
from tests.benchmarks.quality_recipes import EXAMPLE, OURS, SEARCHED
from tests.benchmarks.quality_results import Results
from tests.benchmarks.quality_training import Training

# Seconds on two quiet cores with pocket.
CUSTOMER, ENCODER, IMAGE = 12.0, 300.0, 0.42
TRAIN_STEP = {OURS: 0.5, EXAMPLE: 0.35}


@dataclass(frozen=True)
class Part:
    """Of a run: `done` of `total` pieces, and the seconds that the others take."""

    name: str
    done: int
    total: int
    seconds: float


def parts(plan: Plan) -> list[Part]:
    """In the order in which they are worked off."""
    prepared = [is_prepared(seed, plan.work) for seed in plan.seeds]
    lessons = needs_lessons(plan.work, plan.scale, plan.base_model, plan.base_hash)
    based = [key in plan.results for key in plan.untrained]
    base_seconds = (len(based) - sum(based)) * plan.base_look.count * IMAGE
    return [
        Part("customers' photos through preprocess and matte", sum(prepared), len(prepared), _missing(prepared)),
        Part("second encoder", int(not lessons), 1, ENCODER * lessons),
        Part("base model's images", sum(based), len(based), base_seconds),
        *(trainings_part(f"search of {recipe}", plan.searches[recipe], plan.results) for recipe in SEARCHED),
        trainings_part("test of ours", plan.ours, plan.results),
        trainings_part("test of example", plan.example() or _longest(plan), plan.results),
    ]


def trainings_part(name: str, trainings: Sequence[Training], results: Results) -> Part:
    """Of trainings, counted by judged train steps."""
    left = [(training, training.left(results)) for training in trainings]
    total = sum(len(training.steps) for training in trainings)
    seconds = sum(_seconds(training, steps, results) for training, steps in left)
    return Part(name, total - sum(len(steps) for _, steps in left), total, seconds)


def told(shown: Iterable[Part]) -> str:
    """A line for each part, and one for all."""
    rows = list(shown)
    lines = [f"{part.name:48} {part.done:4} of {part.total:4}   {part.seconds / 60:6.1f} min left" for part in rows]
    whole = Part("all", sum(p.done for p in rows), sum(p.total for p in rows), sum(p.seconds for p in rows))
    return "\n".join([*lines, f"{whole.name:64} {whole.seconds / 60:6.1f} min left"])


def _seconds(training: Training, steps: Sequence[int], results: Results) -> float:
    if not steps:
        return 0.0
    untouched = len(steps) == len(training.steps)
    learning = training.steps[-1] * _train_step(training.recipe, results) if untouched else 0.0
    return learning + sum(training.look(step).count for step in steps) * IMAGE


def _train_step(recipe: str, results: Results) -> float:
    """Seconds of a train step, from trainings of the same kind that were never interrupted."""
    kind = recipe.partition("@")[0]
    same = [line for line in results.all() if line["recipe"].partition("@")[0] == kind]
    measured = [line["train_seconds"] / line["step"] for line in same if line.get("train_seconds")]
    return statistics.median(measured) if measured else TRAIN_STEP.get(kind, TRAIN_STEP[OURS])


def _missing(prepared: Sequence[bool]) -> float:
    return CUSTOMER * (len(prepared) - sum(prepared))


def _longest(plan: Plan) -> list[Training]:
    """Before the search is done: as if it found the most train steps."""
    searched = plan.searches[EXAMPLE][0]
    config, steps = searched.config, searched.steps[-1:]
    scale = plan.scale
    return [Training(EXAMPLE, seed, config, steps, scale.midway, scale.end, plan.base_hash) for seed in scale.test]
