"""How large a run of the quality benchmarks is: customers, prompts, images, train steps. Numbers only."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks import quality_customers as customers

IMAGE_STEPS = 20  # inference steps of every image that is judged
SEED = 7  # of trainings and images


@dataclass(frozen=True)
class Look:
    """Which images are drawn to judge some weights: the first `prompts` prompts, `images` of each, and `class_images`
    of the class noun, by which drift is measured; 0: drift is not measured.
    """

    prompts: int
    images: int
    class_images: int = 0

    @property
    def count(self) -> int:
        return self.prompts * self.images + self.class_images


@dataclass(frozen=True)
class Scale:
    """`test`, `tuning` and `ablate`: the customers' seeds. `end`, `midway`, `search`: what is drawn of each at the end
    of a test training, at its train steps before, and in a search.

    `factors`: learning rates of a search, of the base model's own. `length`: train steps of a training in a search, of
    those of the base model's default. `looks`: how many train steps of it are judged, evenly spread.
    `train_steps`: the default's number of train steps; None: as it is.
    """

    name: str
    test: tuple[int, ...]
    tuning: tuple[int, ...]
    ablate: tuple[int, ...]
    end: Look
    midway: Look
    search: Look
    factors: tuple[float, ...]
    length: float
    looks: int
    midway_steps: int  # how many train steps before the end ours is judged at
    encoder_people: int
    encoder_steps: int
    train_steps: int | None = None
    own_settings: tuple[tuple[str, int], ...] = ()  # of every training


FULL = Scale(
    name="full",
    test=customers.TEST,
    tuning=customers.TUNING,
    ablate=customers.ABLATE,
    end=Look(12, 3, 24),
    midway=Look(12, 2),
    search=Look(6, 2),
    factors=(0.35, 1.0, 2.8),  # a decade, the base model's own in its middle
    length=1.5,  # a recipe that learns more slowly gets the time for it
    looks=6,
    midway_steps=5,
    encoder_people=120,
    encoder_steps=800,
)
QUICK = Scale(
    name="quick",
    test=customers.TEST[:1],
    tuning=customers.TUNING[:1],
    ablate=customers.ABLATE[:1],
    end=Look(2, 2, 2),
    midway=Look(2, 2),
    search=Look(2, 2),
    factors=(1.0,),
    length=1.0,
    looks=2,
    midway_steps=1,
    encoder_people=12,
    encoder_steps=10,
    train_steps=4,
    own_settings=(("num_class_images", 4), ("num_validation_images", 1)),
)


def spread(total: int, looks: int) -> tuple[int, ...]:
    """`looks` train steps up to `total`, evenly but for the last: spread(300, 3) is (100, 200, 300)."""
    each = max(1, total // looks)
    return (*(each * number for number in range(1, looks) if each * number < total), total)
