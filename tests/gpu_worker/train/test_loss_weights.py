"""Weights of the loss: mean 1, more on the subject than behind it, and alphas that only grow."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from gpu_worker.train.loss_weights import dilated, loss_weights

SIDE = 32  # px
alphas = arrays(np.uint8, (SIDE, SIDE))
grids = st.tuples(st.integers(1, 16), st.integers(1, 16))
shares = st.floats(0, 0.5)


def grown(alpha: np.ndarray, share: float) -> np.ndarray:
    return np.asarray(dilated(Image.fromarray(alpha), share))


@settings(deadline=None)
@given(alpha=alphas, grid=grids, background=st.floats(0, 1))
def test_weights_have_mean_one(alpha: np.ndarray, grid: tuple[int, int], background: float) -> None:
    weights = loss_weights([alpha, None], grid, background)
    assert (weights.shape, weights.dtype) == ((2, 1, *grid), torch.float32)
    assert weights.mean(dim=(1, 2, 3)).tolist() == pytest.approx([1, 1], abs=1e-4)
    assert weights.min() >= 0


@settings(deadline=None)
@given(subject=arrays(np.bool_, (8, 8)), background=st.floats(0.01, 1))
def test_the_subject_counts_more_by_the_factor_asked_for(subject: np.ndarray, background: float) -> None:
    alpha = np.kron(subject, np.full((4, 4), 255)).astype(np.uint8)
    weights = loss_weights([alpha], (8, 8), background)[0, 0].numpy()
    if subject.any() and not subject.all():
        assert weights[subject] == pytest.approx(weights[~subject].max() / background, rel=1e-3)
    else:
        assert weights == pytest.approx(np.ones((8, 8)), abs=1e-5)


@settings(deadline=None)
@given(alpha=alphas, background=st.floats(0, 0.99))
def test_more_of_the_subject_never_counts_less(alpha: np.ndarray, background: float) -> None:
    covered = alpha.reshape(8, 4, 8, 4).mean(axis=(1, 3)).flatten()
    weights = loss_weights([alpha], (8, 8), background).flatten().numpy()
    assert (np.diff(weights[np.argsort(covered)]) >= -1e-4).all()


def test_where_nobody_is_seen_all_counts_alike() -> None:
    assert torch.equal(loss_weights([np.zeros((SIDE, SIDE), np.uint8)], (4, 4), 0.0), torch.ones(1, 1, 4, 4))


@settings(deadline=None)
@given(alpha=alphas, first=shares, second=shares)
def test_alphas_grow_with_the_share(alpha: np.ndarray, first: float, second: float) -> None:
    less, more = sorted((first, second))
    assert (alpha <= grown(alpha, less)).all()
    assert (grown(alpha, less) <= grown(alpha, more)).all()


@settings(deadline=None)
@given(alpha=alphas, other=alphas, share=shares)
def test_a_larger_subject_grows_larger(alpha: np.ndarray, other: np.ndarray, share: float) -> None:
    assert (grown(alpha, share) <= grown(np.maximum(alpha, other), share)).all()


def test_a_dot_grows_into_a_disc() -> None:
    alpha = np.zeros((101, 101), np.uint8)
    alpha[50, 50] = 200
    y, x = np.nonzero(grown(alpha, 0.1))
    assert np.hypot(y - 50, x - 50).max() == pytest.approx(10, abs=0.5)
    assert len(x) == pytest.approx(np.pi * 10**2, rel=0.1)
    assert grown(alpha, 0.1).max() == 200
