"""Small alphas become as large as their photos."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_worker.matting.enlarge import enlarge_guided


def test_edges_come_back_from_the_photo() -> None:
    side, factor = 256, 4
    y, x = np.mgrid[:side, :side]
    truth = (np.hypot(x - 120, y - 131) < 70).astype(float)
    photo = np.where(truth[..., None] == 1, (180, 120, 90), (60, 90, 140)).astype(np.uint8)
    small = cv2.resize(truth, (side // factor, side // factor), interpolation=cv2.INTER_AREA)
    guided = np.abs(enlarge_guided(small, photo) - truth).sum()
    linear = np.abs(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR) - truth).sum()
    assert guided < linear / 4


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_a_level_alpha_stays_level(level: float) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (60, 90, 3)).astype(np.uint8)
    assert enlarge_guided(np.full((20, 20), level), photo) == pytest.approx(np.full((60, 90), level), abs=1e-6)


@given(
    small=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    size=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_any_size_stays_in_range(small: tuple[int, int], size: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    large = enlarge_guided(rng.random(small), photo)
    assert large.shape == size
    assert large.min() >= 0
    assert large.max() <= 1
