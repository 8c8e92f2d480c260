"""Error measures: worked by hand where that is possible, and what must hold for any alphas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gpu_worker.matting.measures import connectivity, gradient, measure, mse, sad

ALPHAS = arrays(np.float64, (12, 9), elements=st.floats(0, 1, width=16))


def square(island: float = 0.0) -> np.ndarray:
    """A 10 x 10 subject in 30 x 30; an `island` of 2 x 2 px beside it."""
    alpha = np.zeros((30, 30))
    alpha[10:20, 10:20] = 1
    alpha[3:5, 3:5] = island
    return alpha


def step(width: int = 41) -> np.ndarray:
    """0 left, 1 right."""
    return np.repeat((np.arange(width) >= width // 2)[None].astype(float), 21, axis=0)


def test_sad_and_mse_by_hand() -> None:
    assert sad(square(0.5), square()) == pytest.approx(4 * 0.5 / 1000)
    assert mse(square(0.5), square()) == pytest.approx(4 * 0.25 / 900)


def test_the_gradient_of_a_step_by_hand() -> None:
    # Across a step the derived kernel sums up from its end to each place; along it the smoothing kernel sums whole.
    at = np.arange(-4, 5)
    bell = np.exp(-(at**2) / (2 * 1.4**2))
    across, along = at * bell / np.linalg.norm(at * bell), bell.sum() / np.linalg.norm(bell)
    slopes = along * np.cumsum(across)
    assert gradient(step(), np.zeros_like(step())) == pytest.approx(21 * np.square(slopes).sum() / 1000)


def test_islands_are_not_connected() -> None:
    # Each of the four pixels is connected at no threshold above 0: it lacks all of its alpha.
    assert connectivity(square(1.0), square()) == pytest.approx(4 * 1.0 / 1000)
    assert connectivity(square(0.5), square()) == pytest.approx(4 * 0.5 / 1000)


def test_what_stands_out_little_is_connected() -> None:
    assert connectivity(square(0.14), square()) == 0


def test_a_soft_rim_is_connected_up_to_its_own_alpha() -> None:
    truth = square()
    truth[9, 10:20] = 0.6
    estimate = truth.copy()
    estimate[9, 10:20] = 0.3  # thresholds reach 0.3 in both: the truth lacks 0.3, the estimate nothing
    assert connectivity(estimate, truth) == pytest.approx(10 * 0.3 / 1000)


def test_a_shifted_edge_is_worse_in_all_four() -> None:
    truth, near, far = step(), np.roll(step(), 1, axis=1), np.roll(step(), 3, axis=1)
    closer, farther = measure(near, truth), measure(far, truth)
    assert all(0 < closer[name] < farther[name] for name in closer)


def test_unlike_shapes_are_refused() -> None:
    for one in (sad, mse, gradient, connectivity):
        with pytest.raises(ValueError, match="cannot be compared"):
            one(np.zeros((4, 4)), np.zeros((4, 5)))


@given(ALPHAS)
@settings(max_examples=50)
def test_equal_alphas_have_no_error(alpha: np.ndarray) -> None:
    assert set(measure(alpha, alpha).values()) == {0}


@given(ALPHAS, ALPHAS)
@settings(max_examples=50)
def test_errors_are_symmetric_and_bounded(one: np.ndarray, other: np.ndarray) -> None:
    there, back = measure(one, other), measure(other, one)
    for name, error in there.items():
        assert error >= 0
        assert error == pytest.approx(back[name])
    assert there["mse"] <= 1
    assert there["connectivity"] <= one.size / 1000
    assert there["mse"] * one.size <= there["sad"] * 1000 + 1e-9
