"""Variants of instance images: crops, backgrounds, and alphas that follow the pixels."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_worker.images import write_png
from gpu_worker.train import TrainConfig
from gpu_worker.train.variants import Variant, draw_variants, instance_paths, photo_count
from tests.gpu_worker.train.drawn_photos import BLUE, RED, SIDE, draw_job, photo


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """One matted photo."""
    return draw_job(tmp_path / "inputs")


@pytest.fixture(scope="module")
def kept_job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, for tests that look at it many times."""
    return draw_job(tmp_path_factory.mktemp("job") / "inputs")


def variants(inputs: Path, side: int = 32, **changes: Any) -> list[Variant]:
    usual: dict[str, Any] = {"variants_per_photo": 12, "alpha_dilation": 0}
    config = TrainConfig(**usual | changes)
    return list(draw_variants(inputs / "preprocess", inputs / "matte", side, config))


def pixels(inputs: Path, **changes: Any) -> np.ndarray:
    return np.stack([variant.pixels for variant in variants(inputs, **changes)])


def centre(plane: np.ndarray) -> np.ndarray:
    """Row and column of the centre of mass, px."""
    grid = np.mgrid[: plane.shape[0], : plane.shape[1]]
    return np.asarray((grid * (plane / plane.sum())).sum(axis=(1, 2)))


def test_the_room_goes_and_the_person_stays(job: Path) -> None:
    images = pixels(job, background_probability=1)
    assert images.shape == (12, 32, 32, 3)
    assert np.abs(images[:, 16, 16].astype(int) - RED).max() < 5
    assert len(np.unique(images[:, 1, 1], axis=0)) == 12
    assert all(variant.plain for variant in variants(job, background_probability=1))


def test_without_replacement_the_room_stays(job: Path) -> None:
    assert np.abs(pixels(job, background_probability=0)[:, 1, 1].astype(int) - BLUE).max() < 5
    assert not any(variant.plain for variant in variants(job, background_probability=0))


def test_without_a_cutout_the_room_stays(job: Path) -> None:
    (job / "matte/cutout/001.png").unlink()
    seen = variants(job, background_probability=1)
    assert np.abs(np.stack([one.pixels[1, 1] for one in seen]).astype(int) - BLUE).max() < 5
    assert {(one.plain, one.alpha) for one in seen} == {(False, None)}


def test_a_matting_that_kept_all_replaced_nothing(job: Path) -> None:
    write_png(np.dstack([photo(), np.full((SIDE, SIDE), 255, np.uint8)]), job / "matte/cutout/001.png")
    assert not any(variant.plain for variant in variants(job, background_probability=1))


def test_made_photos_have_their_own_alphas_and_keep_their_background(tmp_path: Path) -> None:
    job = draw_job(tmp_path / "inputs", photos=2, made=1)
    write_png(np.zeros((SIDE, SIDE), np.uint8), job / "matte/made/alpha/001.png")
    seen = variants(job, background_probability=1, variants_per_photo=1)
    assert [(one.photo, one.plain) for one in seen] == [(0, True), (1, True), (2, False)]
    assert [one.alpha.max() for one in seen if one.alpha is not None] == [255, 255, 0]


def test_alphas_are_left_out_when_nothing_weighs_by_them(job: Path) -> None:
    assert all(variant.alpha is None for variant in variants(job, background_loss_weight=1))


def test_variants_differ_by_seed_and_only_by_it(job: Path) -> None:
    first, again, other = (pixels(job, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_weighing_changes_no_pixel(job: Path) -> None:
    assert np.array_equal(pixels(job, background_loss_weight=1), pixels(job, alpha_dilation=0.2))


@settings(max_examples=25, deadline=None)
@given(side=st.integers(24, 100), seed=st.integers(0, 2**32), mirrored=st.booleans())
def test_alphas_are_cropped_and_mirrored_like_the_pixels(kept_job: Path, side: int, seed: int, mirrored: bool) -> None:
    for one in variants(kept_job, side, seed=seed, random_flip=mirrored, background_probability=0):
        assert one.alpha is not None
        red = one.pixels[:, :, 0]
        assert np.abs(centre(red) - centre(one.alpha)).max() < 0.1
        assert one.alpha.mean() == pytest.approx(red.mean(), rel=0.05)


def test_plain_colours_lie_where_the_alpha_is_nought(job: Path) -> None:
    for one in variants(job, 64, background_probability=1):
        assert one.alpha is not None
        assert np.abs(one.pixels[one.alpha == 255].astype(int) - RED).max() < 40
        assert np.abs(one.pixels[one.alpha == 0].astype(int) - one.pixels[0, 0]).max() < 40


def test_photos_are_mirrored_only_when_asked(job: Path) -> None:
    def on_the_left(**changes: Any) -> set[bool]:
        red = pixels(job, background_probability=0, **changes)[..., 0] > 100
        return set((red[:, :, :8].sum(axis=(1, 2)) > red[:, :, -8:].sum(axis=(1, 2))).tolist())

    assert on_the_left() == {True}
    assert on_the_left(random_flip=True) == {True, False}


def test_crops_are_as_tight_as_asked(job: Path) -> None:
    """The person, red in the middle, fills more of tighter crops."""

    def red(jitter: float) -> np.ndarray:
        shown = pixels(job, background_probability=0, crop_jitter=jitter)
        return (shown[..., 0] > 100).mean(axis=(1, 2))

    assert np.ptp(red(0.0)) < 0.01
    assert np.ptp(red(0.4)) > np.ptp(red(0.1)) > np.ptp(red(0.0))


def test_a_photo_counts_once_however_many_crops_were_made_of_it(tmp_path: Path) -> None:
    job = draw_job(tmp_path / "inputs", photos=2)
    instance = job / "preprocess/instance"
    for path in sorted(instance.iterdir()):
        shutil.copy(path, path.with_name(f"{path.stem}-close.png"))
    assert len(instance_paths(job / "preprocess", job / "matte")) == 4
    assert photo_count(job / "preprocess") == 2


def test_a_wider_alpha_holds_the_narrower_one(job: Path) -> None:
    for narrow, wide in zip(variants(job), variants(job, alpha_dilation=0.05), strict=True):
        assert narrow.alpha is not None
        assert wide.alpha is not None
        assert (wide.alpha >= narrow.alpha).all()
        assert (wide.alpha > 127).sum() > (narrow.alpha > 127).sum()


def test_a_photo_is_opened_when_its_turn_comes(tmp_path: Path) -> None:
    job = draw_job(tmp_path / "inputs", photos=2)
    (job / "preprocess/instance/002.png").write_bytes(b"broken")
    drawn = draw_variants(job / "preprocess", job / "matte", 32, TrainConfig(variants_per_photo=1))
    assert next(drawn).photo == 0
    with pytest.raises(OSError, match="cannot identify"):
        next(drawn)
