"""Intervals over customers: how often they are right, what pairing brings, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.quality_intervals import difference, interval

SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=8)


@given(SCORES)
def test_the_mean_lies_in_the_middle(values: list[float]) -> None:
    found = interval(values)
    assert found.low <= found.mean <= found.high
    assert found.mean - found.low == pytest.approx(found.high - found.mean, abs=1e-9)
    assert min(values) - 1e-9 <= found.mean <= max(values) + 1e-9


@pytest.mark.parametrize("customers", [3, 8])
def test_it_holds_the_truth_in_95_of_100_runs_with_few_customers(customers: int) -> None:
    runs = np.random.default_rng(5).normal(0.2, 1, (4000, customers))
    found = [interval(run.tolist()) for run in runs]
    assert np.mean([one.low <= 0.2 <= one.high for one in found]) == pytest.approx(0.95, abs=0.015)


def test_one_customer_has_no_bounds_and_shows_nothing() -> None:
    found = interval([0.4])
    assert (found.mean, found.sign) == (0.4, 0)


def test_a_sign_is_told_where_zero_lies_outside() -> None:
    assert interval([0.2, 0.3, 0.25]).sign == 1
    assert interval([-0.2, -0.3, -0.25]).sign == -1
    assert interval([-0.2, 0.3, 0.1]).sign == 0


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
    assert apart.low > 0.04
    assert interval(ours).high - interval(ours).low > 10 * (apart.high - apart.low)


def test_nobody_has_no_mean() -> None:
    with pytest.raises(ValueError, match="no customer"):
        interval([])


def test_a_difference_wants_the_same_customers() -> None:
    with pytest.raises(ValueError, match="2 customers on one side and 1"):
        difference([1.0, 2.0], [1.0])
