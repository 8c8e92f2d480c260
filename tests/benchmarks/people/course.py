"""All that a run of bench-people measures, one result after the other, and what is left of it. No tables."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gpu_worker.base_models.pocket.drawings import shrink
from gpu_worker.base_models.pocket.train_scorer import round_trip
from gpu_worker.base_models.pocket.train_unet import open_vae
from gpu_worker.stage import OnStep
from tests.benchmarks.people import ceiling, prompted
from tests.benchmarks.people.alike import LikenessRate
from tests.benchmarks.quality_customers import PHOTOS, photo_shots, prepare, room_of
from tests.benchmarks.quality_laboratory import Laboratory
from tests.benchmarks.quality_plan import Plan
from tests.benchmarks.quality_recipes import BASE, OURS
from tests.benchmarks.quality_results import Key, Line, Results

RESULTS = Path("docs/bench-people.jsonl")
CEILING, PROMPTS, VAE = "ceiling", "prompts", "vae"
STRANGERS, STRANGERS_PHOTOS = 30, 6  # by whom the threshold is set
PROMPTED = 96  # images of captions


class FaceResults(Results):
    """Beside what a laboratory says of its images, in what share of them `eyes` found faces."""

    eyes: LikenessRate | None = None

    def add(self, key: Key, told: Line) -> None:
        super().add(key, ({"faces": self.eyes.faces} if self.eyes else {}) | told)


class Course:
    """Of one base model; `few` measures so little that it only shows whether it runs."""

    def __init__(self, plan: Plan, results: FaceResults, few: bool) -> None:
        self.plan, self.results, self._few = plan, results, few

    @cached_property
    def keys(self) -> dict[str, list[Key]]:
        """By recipe, one for each customer, or a single one."""
        base = [self.plan.base_key(seed) for seed in self.plan.scale.test]
        alone = [replace(base[0], customer="nobody's")]
        return {
            VAE: [replace(key, recipe=VAE) for key in alone],
            PROMPTS: [replace(key, recipe=PROMPTS) for key in alone],
            CEILING: [replace(key, recipe=CEILING) for key in base],
            BASE: base,
            OURS: [training.last for training in self.plan.ours],
        }

    def left(self) -> list[Key]:
        """What nobody has measured yet, in order."""
        return [key for keys in self.keys.values() for key in keys if key not in self.results]

    def lines(self, recipe: str) -> list[Line]:
        """Raises LookupError before all are there."""
        return [self.results[key] for key in self.keys[recipe]]

    def measure(self, key: Key, on_step: OnStep) -> None:
        """Write the line for `key`. What `on_step` raises stops it."""
        on_step(0, str(key))
        if key.recipe == VAE:
            self.results.add(key, self._strangers())
        elif key.recipe == PROMPTS:
            self.results.add(key, prompted.measure(self.plan.base_model, 4 if self._few else PROMPTED))
        elif key.recipe == CEILING:
            self.results.add(key, self._ceiling(int(key.customer)))
        else:
            self._by_laboratory(key, on_step)

    @property
    def eyes(self) -> LikenessRate:
        """Raises LookupError before the threshold is set."""
        told = self.lines(VAE)[0]
        return LikenessRate(told["side"], told["threshold"])

    def _by_laboratory(self, key: Key, on_step: OnStep) -> None:
        eyes = self.results.eyes = self.eyes
        laboratory = Laboratory(self.plan.base_model, self.plan.work, self.results, eyes, on_step)
        if key.recipe == BASE:
            laboratory.measure_base(int(key.customer), self.plan.base_look, key)
        else:
            laboratory.measure(next(training for training in self.plan.ours if training.last == key))

    def _strangers(self) -> Line:
        """The threshold, and what the VAE leaves of people whom nobody else in this benchmark sees."""
        people, photos = (4, 2) if self._few else (STRANGERS, STRANGERS_PHOTOS)
        seeds = range(ceiling.FIRST_CUSTOMER, ceiling.FIRST_CUSTOMER + people)
        drawn = np.stack([ceiling.photos_of(seed, photos) for seed in seeds])
        return ceiling.measure(drawn, self._vae())

    def _ceiling(self, seed: int) -> Line:
        """Photos that the customer did not send, through the VAE and back, against those that he sent."""
        eyes, sent = self.eyes, prepare(seed, self.plan.work).photos()
        images = shrink(held_out_photos(seed, 2 if self._few else PHOTOS), eyes.side)
        again = round_trip(self._vae(), images).permute(0, 2, 3, 1).numpy()
        return {"likeness_2": round(eyes.of(again, sent), 4), "faces": eyes.faces}

    def _vae(self) -> Any:
        return open_vae(Path(self.plan.base_model) / "vae")


def held_out_photos(seed: int, count: int) -> np.ndarray:
    """What the customer did not send, as he would have taken it: RGB, uint8 (count, DRAWN, DRAWN, 3)."""
    from gpu_worker.base_models.pocket.people import customers
    from gpu_worker.base_models.pocket.people.drawing import draw

    person = customers.customer(seed)
    shots = photo_shots(person, PHOTOS + count, room_of(person))[PHOTOS:]
    return np.stack([draw(person, shot, ceiling.DRAWN).image for shot in shots])
