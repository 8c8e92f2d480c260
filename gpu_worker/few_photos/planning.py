"""Plans: what each made photo will be, spread evenly over sources, backgrounds, framings and lights.

Nothing is drawn here; a recipe is all that `drawing.draw` needs beside the sources.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np

from gpu_worker.few_photos.backgrounds import KINDS, Background
from gpu_worker.few_photos.framing import FRAMINGS, choose_frame
from gpu_worker.few_photos.light import Light
from gpu_worker.few_photos.source import MIN_SIDE, Source, check_sources

Recipe = dict[str, Any]  # JSON-able: kind, source, side, and for a made photo framing, frame, background, light
Item = TypeVar("Item")

MAX_EXPOSURE = 0.4  # EV; phones miss by this much
MAX_WARMTH = 0.08  # share of red gained and blue lost: a cloud before the sun, or a lamp in the room
LEVELS = (-0.8, -0.4, 0.0, 0.4, 0.8)  # fifths of the range; within a fifth chance decides
DIRECTIONS = (180, 220, 270, 320, 360)  # degrees: left, above left, above, above right, right; never from below
RELIEF = (0.2, 0.55)  # EV between the lit and the unlit side
TRANSFER = (0.1, 0.2)  # more and the subject looks tinted rather than lit


def plan(
    count: int, sources: Sequence[Source], seed: int, *, side: int | None = None, mirror: bool = False
) -> list[Recipe]:
    """Recipes of a training set of `count` photos: the sources as they are first, then made ones, no two alike.

    Photos are `side` px wide and high, or as large as their source where none is given. With `mirror` every other
    made photo is turned left to right; not by default, because faces are not symmetric. The same arguments give
    the same recipes. Raises ValueError for 0 or more than MAX_SOURCES sources, for broken ones, for a `count`
    below the number of sources, for a `side` below MIN_SIDE and for a negative seed.
    """
    check_sources(sources)
    if side is not None and side < MIN_SIDE:
        raise ValueError(f"a photo is at least {MIN_SIDE} px wide, not {side}")
    if count < len(sources):
        raise ValueError(f"a set of {count} has no room for {len(sources)} sources")
    rng = np.random.default_rng(seed)
    sides = [side or source.side for source in sources]
    originals: list[Recipe] = [{"kind": "original", "source": n, "side": sides[n]} for n in range(len(sources))]
    cycles = _Cycles(len(sources), mirror, rng)
    made = (cycles.recipe(sources, rng) for _ in range(count - len(sources)))
    return originals + [{**recipe, "side": sides[recipe["source"]]} for recipe in made]


class _Cycles:
    """Everything that varies, each in a shuffled order of its own that is gone through before it repeats."""

    def __init__(self, sources: int, mirror: bool, rng: np.random.Generator) -> None:
        self.source = _cycle(range(sources), rng)
        self.framing = _cycle(tuple(FRAMINGS), rng)
        self.mirror = _cycle((False, True) if mirror else (False,), rng)
        self.kind = _cycle(tuple(KINDS), rng)
        self.names = {kind: _cycle(names, rng) for kind, names in KINDS.items()}
        self.tilt, self.exposure, self.warmth = (_levels(rng) for _ in range(3))
        self.direction = _cycle(DIRECTIONS, rng)

    def recipe(self, sources: Sequence[Source], rng: np.random.Generator) -> Recipe:
        number, framing, kind = next(self.source), next(self.framing), next(self.kind)
        frame = choose_frame(sources[number], framing, next(self.tilt), next(self.mirror), rng)
        background = Background(kind, next(self.names[kind]), int(rng.integers(2**31)))
        return {
            "kind": "made",
            "source": number,
            "framing": framing,
            "frame": asdict(frame),
            "background": asdict(background),
            "light": asdict(self._light(kind, rng)),
        }

    def _light(self, kind: str, rng: np.random.Generator) -> Light:
        transfer = 0.0 if kind == "own" else round(rng.uniform(*TRANSFER), 4)  # its own place lit the subject already
        return Light(
            exposure=round(MAX_EXPOSURE * next(self.exposure), 4),
            warmth=round(MAX_WARMTH * next(self.warmth), 4),
            direction=round((next(self.direction) + rng.uniform(-15, 15)) % 360, 1),
            relief=round(rng.uniform(*RELIEF), 4),
            transfer=transfer,
        )


def _cycle(items: Sequence[Item], rng: np.random.Generator) -> Iterator[Item]:
    """Every item once in a random order, then every item again in another."""
    while True:
        for index in rng.permutation(len(items)):
            yield items[index]


def _levels(rng: np.random.Generator) -> Iterator[float]:
    """Numbers in -1..1, every fifth of the range in turn."""
    return (level + rng.uniform(-0.2, 0.2) for level in _cycle(LEVELS, rng))
