"""Scenes: one for each word, whole at any size, different each time, never a NaN."""

import numpy as np
import pytest

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.scenes import SCENES, defocus, scene


def test_every_word_has_its_scene() -> None:
    assert set(SCENES) == set(words.WHOLE.scenes)


@pytest.mark.parametrize("name", words.WHOLE.scenes)
def test_a_scene_fills_its_square(name: str) -> None:
    picture = scene(name, 49, np.random.default_rng(3))
    assert picture.shape == (49, 49, 3)
    assert picture.dtype == np.float32
    assert np.isfinite(picture).all()
    assert picture.min() >= 0
    assert picture.max() <= 1


@pytest.mark.parametrize("name", words.WHOLE.scenes)
def test_the_generator_decides(name: str) -> None:
    first, again, other = (scene(name, 48, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_light_out_of_focus_becomes_a_disc() -> None:
    dark = np.zeros((41, 41, 3), np.float32)
    dark[20, 20] = 1.0
    blurred = defocus(dark, 5.0)[..., 0]
    assert blurred[20, 20] == pytest.approx(blurred[20, 24], abs=1e-4)
    assert blurred[20, 28] == 0
