"""Means over customers with 95 % intervals: the bootstrap with customers drawn anew. Numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 10_000
SHARE = 95  # percent


@dataclass(frozen=True)
class Interval:
    """A mean and between which values it lies with 95 %."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


def interval(values: Sequence[float]) -> Interval:
    """Of one value for each customer. Raises ValueError for none.

    Method: the percentile bootstrap (Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979), customers being
    what is drawn with replacement: images of one customer are not independent. The same values give the same interval.
    """
    if not len(values):
        raise ValueError("no customer to take the mean of")
    own = np.asarray(values, float)
    drawn = np.random.default_rng(29).integers(0, len(own), (DRAWS, len(own)))
    low, high = np.percentile(own[drawn].mean(axis=1), [(100 - SHARE) / 2, (100 + SHARE) / 2])
    return Interval(float(own.mean()), float(low), float(high))


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Of ours less theirs, paired: value n of both is of the same customer. Raises ValueError where counts differ."""
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} customers on one side and {len(theirs)} on the other")
    return interval(np.subtract(ours, theirs).tolist())
