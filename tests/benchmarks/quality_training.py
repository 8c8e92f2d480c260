"""One training that is to be measured: whose, how, and after which train steps. Nothing is trained here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from gpu_worker.base_models.pocket.people import customers
from gpu_worker.train import TrainConfig
from tests.benchmarks.quality_customers import PHOTOS
from tests.benchmarks.quality_recipes import fingerprint
from tests.benchmarks.quality_results import Key, Results
from tests.benchmarks.quality_scale import IMAGE_STEPS, Look


@dataclass(frozen=True)
class Training:
    """`recipe` names it in the results, `customer` is a seed. `steps`: the train steps that are judged, the last of
    them the end, where the weights are those that a customer would get; before it, those of that train step.
    """

    recipe: str
    customer: int
    config: TrainConfig
    steps: tuple[int, ...]
    midway: Look
    end: Look
    base_hash: str
    photos: int = PHOTOS

    def __post_init__(self) -> None:
        # A checkpoint for every train step that is judged; checkpoints change no weights.
        object.__setattr__(
            self, "config", self.config.model_copy(update={"checkpointing_steps": max(1, self.steps[0])})
        )

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.config, self.base_hash, self.midway, self.end, self.photos, IMAGE_STEPS)

    def key(self, step: int) -> Key:
        return Key(self.recipe, str(self.customer), step, self.fingerprint)

    @property
    def last(self) -> Key:
        """Where the end's result is found."""
        return self.key(self.steps[-1])

    def left(self, results: Results) -> list[int]:
        """The train steps that nobody has judged yet."""
        return [step for step in self.steps if self.key(step) not in results]

    def look(self, step: int) -> Look:
        return self.end if step == self.steps[-1] else self.midway


@cache
def class_noun(customer: int) -> str:
    return customers.customer(customer).gender
