"""What a camera does: nothing by default but grain, each fault as it is named, never a NaN."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.base_models.pocket.people.camera import Camera, expose

SIZE = 32
CLEAN = Camera(noise=0.0)


def grey(value: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    return np.full((SIZE, SIZE, 3), value, np.float32), np.zeros((SIZE, SIZE), np.float32)


def photo(camera: Camera, picture: np.ndarray | None = None) -> np.ndarray:
    plain, alpha = grey()
    return expose(plain if picture is None else picture, alpha, camera, np.random.default_rng(1))[0]


def test_a_clean_camera_leaves_the_picture_alone() -> None:
    assert np.array_equal(photo(CLEAN), np.full((SIZE, SIZE, 3), 128, np.uint8))


def test_exposure_and_warmth_go_the_way_they_are_named() -> None:
    assert photo(Camera(noise=0.0, exposure=0.5)).mean() > 140
    assert photo(Camera(noise=0.0, exposure=-0.5)).mean() < 116
    warm = photo(Camera(noise=0.0, warmth=1.0)).mean(axis=(0, 1))
    assert warm[0] > 128 > warm[2]


def test_noise_is_as_strong_as_asked_for() -> None:
    assert photo(Camera(noise=0.03)).std() == pytest.approx(0.03 * 255, rel=0.1)


def test_blur_softens_picture_and_alpha_alike() -> None:
    picture, alpha = grey(0.0)
    picture[:, SIZE // 2 :], alpha[:, SIZE // 2 :] = 0.8, 1.0
    image, soft = expose(picture, alpha, Camera(noise=0.0, blur=60.0), np.random.default_rng(1))
    assert 0.2 < soft[5, SIZE // 2] < 0.8
    assert np.abs(image[5, :, 0] / 255 / 0.8 - soft[5]).max() < 0.02


def test_jpeg_leaves_its_marks() -> None:
    rng = np.random.default_rng(2)
    picture = rng.random((SIZE, SIZE, 3)).astype(np.float32)
    assert np.abs(photo(Camera(noise=0.0, quality=40), picture).astype(int) - photo(CLEAN, picture)).mean() > 3


def test_nan_is_black_before_any_blur() -> None:
    picture, alpha = grey()
    picture[4, 4], alpha[4, 4] = np.nan, np.nan
    image, soft = expose(picture, alpha, Camera(noise=0.0, blur=10.0), np.random.default_rng(1))
    assert np.isfinite(soft).all()
    assert image[20:].min() == 128


@given(st.integers(0, 2**31))
def test_drawn_cameras_stay_within_what_people_own(seed: int) -> None:
    camera = Camera.draw(np.random.default_rng(seed))
    assert 13 <= camera.fov <= 34
    assert 35 <= camera.quality <= 100
    assert 0 <= camera.blur <= 5
    assert 0 < camera.noise <= 0.04
