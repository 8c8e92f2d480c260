"""Cutouts on other backgrounds, checked against composites whose truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_worker.matting.background import composite, cut_out, on_blurred, on_colour, on_image

SIDE = 96
RED, GREEN, BLUE = (200, 30, 20), (20, 220, 60), (10, 20, 240)


def disc(side: int = SIDE) -> np.ndarray:
    """Alpha of a disc with a rim of 8 px, float (side, side)."""
    y, x = np.mgrid[:side, :side] - side / 2 + 0.5
    return np.asarray(np.clip((side / 4 + 4 - np.hypot(x, y)) / 8, 0, 1))


def mixed(alpha: np.ndarray, front: tuple[int, int, int], back: tuple[int, int, int]) -> np.ndarray:
    """What a camera would show, uint8."""
    share = alpha[..., None]
    return np.asarray(np.round(share * front + (1 - share) * back), np.uint8)


def error(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other).max())


def test_no_halo_on_another_colour() -> None:
    alpha = disc()
    photo, truth = mixed(alpha, RED, GREEN), mixed(alpha, RED, BLUE)
    assert error(on_colour(cut_out(photo, alpha), BLUE), truth) <= 6
    # The same rim with the photo's own colours is green: this is the halo.
    eight_bit = np.round(alpha * 255).astype(np.uint8)
    assert error(on_colour(np.dstack([photo, eight_bit]), BLUE), truth) > 40


def test_the_own_background_gives_the_photo_back() -> None:
    alpha = disc()
    photo = mixed(alpha, RED, GREEN)
    assert error(on_colour(cut_out(photo, alpha), GREEN), photo) <= 6


def test_the_blurred_background_does_not_glow() -> None:
    alpha = disc()
    photo = mixed(alpha, (255, 255, 255), (40, 40, 40))
    blurred = on_blurred(cut_out(photo, alpha), photo, 0.05)
    assert error(blurred, photo) <= 6  # a plain background out of focus is the same plain background


def test_only_the_background_is_blurred() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    alpha = disc()
    blurred = on_blurred(cut_out(noise, alpha), noise, 0.05)
    assert error(blurred[alpha == 1], noise[alpha == 1]) <= 30  # of 255: colours are estimated inside as well
    assert blurred[alpha == 0].std() < noise[alpha == 0].std() / 5


@pytest.mark.parametrize("opaque", [0, 255])
def test_all_subject_or_none(opaque: int) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    cutout = np.dstack([photo, np.full((40, 30), opaque, np.uint8)])
    assert on_blurred(cutout, photo).shape == photo.shape
    expected = photo if opaque else np.broadcast_to(np.array(BLUE, np.uint8), photo.shape)
    assert np.array_equal(on_colour(cutout, BLUE), expected)


def test_an_image_covers_without_being_squeezed() -> None:
    wide = np.zeros((50, 200, 3), np.uint8)
    wide[:, 75:125] = 255  # the middle square
    nothing = np.zeros((80, 80, 4), np.uint8)
    assert on_image(nothing, wide).mean() > 250


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    of_image=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
@settings(max_examples=40, deadline=None)
def test_any_image_behind_any_cutout(size: tuple[int, int], of_image: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    cutout = rng.integers(0, 256, (*size, 4)).astype(np.uint8)
    image = np.full((*of_image, 3), 77, np.uint8)
    assert np.array_equal(on_image(cutout, image), composite(cutout, np.full((*size, 3), 77)))
