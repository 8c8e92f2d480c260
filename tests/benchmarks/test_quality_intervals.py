"""The bootstrap over customers: where the mean lies, what pairing brings, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.quality_intervals import difference, interval

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@given(SCORES)
def test_the_mean_lies_within_and_nothing_lies_outside_of_what_was_measured(values: list[float]) -> None:
    found = interval(values)
    assert min(values) - 1e-9 <= found.low <= found.mean + 1e-9
    assert found.mean - 1e-9 <= found.high <= max(values) + 1e-9


def test_it_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(1).normal(0, 1, 400)
    found = interval(values.tolist())
    assert found.high - found.low == pytest.approx(2 * 1.96 / 20, rel=0.15)


def test_the_same_values_give_the_same_interval() -> None:
    assert interval([0.1, 0.5, 0.9]) == interval([0.1, 0.5, 0.9])


def test_customers_who_differ_much_and_gain_alike_give_a_narrow_difference() -> None:
    theirs = [0.1, 0.4, 0.6, 0.9]
    ours = [value + gain for value, gain in zip(theirs, (0.05, 0.06, 0.05, 0.06), strict=True)]
    apart = difference(ours, theirs)
    assert apart.low > 0.049
    assert interval(ours).high - interval(ours).low > 10 * (apart.high - apart.low)


def test_nobody_has_no_mean() -> None:
    with pytest.raises(ValueError, match="no customer"):
        interval([])


def test_a_difference_wants_the_same_customers() -> None:
    with pytest.raises(ValueError, match="2 customers on one side and 1"):
        difference([1.0, 2.0], [1.0])
