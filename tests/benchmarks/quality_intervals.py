"""Means over customers with 95 % intervals. Numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

SHARE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean and between which values it lies with 95 %."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"

    @property
    def sign(self) -> int:
        """1 or -1 where the mean is surely above or below 0, else 0."""
        return int(self.low > 0) - int(self.high < 0)


def interval(values: Sequence[float]) -> Interval:
    """Of one value for each customer; of a single one it has no bounds. Raises ValueError for none.

    Method: Student, "The Probable Error of a Mean", 1908; customers are what is drawn, since images of one customer are
    not independent. The percentile bootstrap covers 75 % with three customers and 89 % with eight, where it says 95.
    """
    if not len(values):
        raise ValueError("no customer to take the mean of")
    own = np.asarray(values, float)
    mean, count = float(own.mean()), len(own)
    if count == 1:
        return Interval(mean, -math.inf, math.inf)
    half = float(t.ppf((1 + SHARE) / 2, count - 1) * own.std(ddof=1) / math.sqrt(count))
    return Interval(mean, mean - half, mean + half)


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Of ours less theirs, paired: value n of both is of the same customer. Raises ValueError where counts differ."""
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} customers on one side and {len(theirs)} on the other")
    return interval(np.subtract(ours, theirs).tolist())
