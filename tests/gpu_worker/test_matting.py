"""Alpha and colours of mixtures that are known exactly."""

import numpy as np
import pytest

from gpu_worker.matting import closed_form_alpha, subject_colours

SIDE = 48


@pytest.fixture
def soft_disc() -> np.ndarray:
    """An alpha that falls from 1 to 0 over ten pixels."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return np.asarray(np.clip((18 - np.hypot(x, y)) / 10, 0, 1))


@pytest.fixture
def colours() -> tuple[np.ndarray, np.ndarray]:
    """A subject and a background whose colours change smoothly."""
    ramp = np.linspace(0, 0.2, SIDE)[None, :, None]
    return np.array([0.7, 0.3, 0.2]) + ramp + np.zeros((SIDE, 1, 1)), np.array([0.1, 0.4, 0.6]) + ramp.swapaxes(0, 1)


def mixed(alpha: np.ndarray, colours: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    subject, background = colours
    return np.asarray(alpha[..., None] * subject + (1 - alpha[..., None]) * background)


def trimap_of(alpha: np.ndarray) -> np.ndarray:
    return np.where((alpha > 0) & (alpha < 1), 0.5, alpha)


def test_alpha_of_a_mixture(soft_disc: np.ndarray, colours: tuple[np.ndarray, np.ndarray]) -> None:
    trimap = trimap_of(soft_disc)
    alpha = closed_form_alpha(mixed(soft_disc, colours), trimap, np.full_like(trimap, 0.5))
    assert np.abs(alpha - soft_disc).max() < 0.08
    assert np.array_equal(alpha[trimap != 0.5], trimap[trimap != 0.5])


def test_where_nothing_is_known_the_guess_holds() -> None:
    guess = np.full((SIDE, SIDE), 0.25)
    alpha = closed_form_alpha(np.full((SIDE, SIDE, 3), 0.5), np.full((SIDE, SIDE), 0.5), guess)
    assert np.abs(alpha - guess).max() < 1e-3


def test_the_background_leaves_the_colours(soft_disc: np.ndarray, colours: tuple[np.ndarray, np.ndarray]) -> None:
    found = subject_colours(mixed(soft_disc, colours), soft_disc)
    seen = soft_disc > 0.2
    assert np.abs(found - colours[0])[seen].mean() < 0.02
    assert np.abs(found - colours[0])[soft_disc == 1].max() < 0.01
    assert found.dtype == np.float32


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (17, 16)])
def test_colours_of_any_size(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).random((*shape, 3))
    assert np.allclose(subject_colours(image, np.ones(shape)), image, atol=1e-3)
