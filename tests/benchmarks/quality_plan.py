"""Everything that a run of bench-quality measures, in order, and what of it is left. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gpu_worker.train import TrainConfig
from tests.benchmarks import quality_recipes as recipes
from tests.benchmarks import quality_search as search
from tests.benchmarks.quality_recipes import BASE, EXAMPLE, OURS, SEARCHED, UNTRAINED
from tests.benchmarks.quality_results import Key, Line, Results
from tests.benchmarks.quality_scale import IMAGE_STEPS, SEED, Look, Scale, spread
from tests.benchmarks.quality_share import ALL, Share
from tests.benchmarks.quality_training import Training, class_noun


@dataclass(frozen=True)
class Plan:
    """Of one base model; `results` are what was measured so far."""

    base_model: str
    base_hash: str
    work: Path
    scale: Scale
    results: Results

    @property
    def seeds(self) -> tuple[int, ...]:
        """All customers, those of the search first."""
        return (*self.scale.tuning, *self.scale.test)

    @property
    def base_look(self) -> Look:
        """The base model does not drift from itself."""
        return Look(self.scale.end.prompts, self.scale.end.images)

    def base_key(self, customer: int, recipe: str = BASE) -> Key:
        """Of UNTRAINED, whatever the defaults of trainings are."""
        config = TrainConfig(class_noun=class_noun(customer), seed=SEED)
        return Key(recipe, str(customer), 0, recipes.fingerprint(config, self.base_hash, self.base_look, IMAGE_STEPS))

    @property
    def untrained(self) -> list[Key]:
        """What is measured without any training."""
        return [self.base_key(seed, recipe) for seed in self.scale.test for recipe in UNTRAINED]

    @cached_property
    def searches(self) -> dict[str, list[Training]]:
        """By recipe; each with the same number of trainings, train steps and looks."""
        return {recipe: search.trainings(recipe, self.base_model, self.base_hash, self.scale) for recipe in SEARCHED}

    def found(self, recipe: str) -> search.Found | None:
        return search.found(self.searches[recipe], self.results)

    @cached_property
    def ours(self) -> list[Training]:
        """The defaults, as a customer gets them, also where the search found better settings."""
        total = recipes.own_steps(self.base_model, self.scale)
        steps = spread(total, self.scale.midway_steps + 1)
        return [
            self._test(
                OURS,
                customer,
                recipes.ours(self.base_model, class_noun(customer), self.scale, max_train_steps=total),
                steps,
            )
            for customer in self.scale.test
        ]

    def example(self) -> list[Training] | None:
        """With what the search found; None before it is done."""
        best = self.found(EXAMPLE)
        if best is None:
            return None
        rate, total = best.learning_rate, best.train_steps
        return [
            self._test(
                EXAMPLE,
                customer,
                recipes.example(self.base_model, class_noun(customer), self.scale, rate, total),
                (total,),
            )
            for customer in self.scale.test
        ]

    def next_training(self, share: Share = ALL) -> Training | None:
        """What is to be trained now: the searches, then the test customers with both recipes; None when this share's
        part is done, but for tests of the example that wait for another share's search.
        """
        self.results.refresh()
        return next((one for one in share.of(self._trainings()) if one.left(self.results)), None)

    @property
    def is_done(self) -> bool:
        """Whether all shares are."""
        return self.next_training() is None and all(key in self.results for key in self.untrained)

    def lines(self, recipe: str, step: int | None = None) -> list[Line] | None:
        """The test customers' results at this train step, None: at the end; None before all are there."""
        if recipe in UNTRAINED:
            keys = [self.base_key(customer, recipe) for customer in self.scale.test]
        else:
            trainings = self.ours if recipe == OURS else self.example()
            if trainings is None:
                return None
            keys = [one.last if step is None else one.key(step) for one in trainings]
        return [self.results[key] for key in keys] if all(key in self.results for key in keys) else None

    def _trainings(self) -> Iterator[Training]:
        for recipe in SEARCHED:
            yield from self.searches[recipe]
        yield from self.ours
        yield from self.example() or ()

    def _test(self, recipe: str, customer: int, config: TrainConfig, steps: tuple[int, ...]) -> Training:
        return Training(recipe, customer, config, steps, self.scale.midway, self.scale.end, self.base_hash)
