"""The portrait backend on photos of real people."""

import numpy as np
import pytest
from PIL import Image

from gpu_worker.matting.portrait import PortraitMatting


def test_a_photo_of_any_shape(grace_hopper: Image.Image) -> None:
    photo = np.asarray(grace_hopper)
    alpha = PortraitMatting(side=256).alpha(photo)
    assert alpha.shape == photo.shape[:2]
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert alpha[150:300, 220:320].mean() > 0.98  # the face
    assert alpha[:60, :60].mean() < 0.05


def test_most_pixels_are_one_or_the_other(astronaut: Image.Image) -> None:
    alpha = PortraitMatting(side=256).alpha(np.asarray(astronaut))
    assert np.mean((alpha > 0.02) & (alpha < 0.98)) < 0.1


def test_both_methods_see_the_same_person(astronaut: Image.Image) -> None:
    small = np.asarray(astronaut.resize((160, 160)))
    one, other = (PortraitMatting(128, method).alpha(small) for method in ("closed_form", "knn"))
    assert 0 < np.abs(one - other).mean() < 0.04


def test_nobody_is_a_whole_photo() -> None:
    assert PortraitMatting().alpha(np.full((96, 128, 3), 90, np.uint8)).min() == 1


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (64, 64)])
def test_small_photos_do_no_harm(size: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    assert PortraitMatting().alpha(photo).shape == size
