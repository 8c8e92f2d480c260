"""Tiles: any size, no seams, little memory."""

import tracemalloc
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray
from PIL import Image

from gpu_worker.upscale import OVERLAPS
from gpu_worker.upscale.networks import ncnn_enlarger
from gpu_worker.upscale.tiles import MARGIN, SCALE, Enlarger, enlarge_tiled, enlarged_rows, spans

Ncnn = Literal["x4plus", "animevideov3"]


def nearest(image: NDArray[np.float32], top: int = 0, left: int = 0) -> NDArray[np.float32]:
    return image.repeat(4, axis=0).repeat(4, axis=1)


@given(some.integers(1, 70), some.integers(1, 70), some.integers(16, 40), some.integers(0, 40), some.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_tiling_fits_any_size(height: int, width: int, tile: int, overlap: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    enlarged = enlarge_tiled(image, nearest, tile, overlap)
    assert np.array_equal(enlarged, image.repeat(4, axis=0).repeat(4, axis=1))


@given(some.integers(1, 2000), some.integers(16, 300), some.integers(0, 64))
def test_tiles_share_every_pixel_and_keep_to_their_size(length: int, tile: int, overlap: int) -> None:
    counted = np.zeros(length * SCALE)
    for span in spans(length, tile, overlap):
        begin, end = span.used
        counted[begin * SCALE : end * SCALE] += span.weights(length)
        assert span.bounds[1] - span.bounds[0] <= tile
        assert span.seen[1] - span.seen[0] <= tile + 2 * overlap + 2 * MARGIN
        assert span.seen[0] <= begin < end <= span.seen[1]
    assert np.allclose(counted, 1)


def test_the_network_is_told_where_its_tile_lies() -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    padded = np.pad(image, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="symmetric")

    def enlarge(seen: NDArray[np.float32], top: int, left: int) -> NDArray[np.float32]:
        rows, columns = (
            slice(at + MARGIN, at + MARGIN + side) for at, side in zip((top, left), seen.shape, strict=False)
        )
        assert np.allclose(seen * 255, padded[rows, columns])
        return nearest(seen)

    enlarge_tiled(image, enlarge, 32, 8)


def errors(model: Ncnn, photo: Image.Image, overlap: int) -> tuple[float, float]:
    """Mean error near borders of tiles and elsewhere, in 255 levels, against the same image in one tile."""
    small = np.asarray(photo.crop((140, 60, 396, 316)).resize((64, 64), Image.Resampling.LANCZOS))
    enlarge = ncnn_enlarger(model)
    whole, tiled = (enlarge_tiled(small, enlarge, tile, overlap).astype(int) for tile in (64, 32))
    error = np.abs(whole - tiled).mean(axis=2)
    near = np.zeros(error.shape, bool)
    near[112:144] = near[:, 112:144] = True
    return float(error[near].mean()), float(error[~near].mean())


def test_the_fast_network_leaves_no_seams(grace_hopper: Image.Image) -> None:
    """What it sees of its neighbours is all that it can see: what is left is how sums are rounded."""
    assert max(errors("animevideov3", grace_hopper, OVERLAPS["animevideov3"])) < 0.001
    near, elsewhere = errors("animevideov3", grace_hopper, 4)
    assert near > elsewhere > 0


@pytest.mark.slow
def test_the_deep_network_leaves_less_than_a_level(grace_hopper: Image.Image) -> None:
    near, elsewhere = errors("x4plus", grace_hopper, OVERLAPS["x4plus"])
    assert elsewhere <= near < 1.2


def test_memory_does_not_grow_with_the_image() -> None:
    """Rows come as they are done: what is held is one row of tiles."""
    peaks = []
    for height in (64, 512):
        image = np.zeros((height, 32, 3), np.uint8)
        tracemalloc.start()
        rows = sum(len(part) for part in enlarged_rows(image, nearest, 32, 8))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert rows == height * SCALE
    assert peaks[1] < 1.3 * peaks[0]


def test_seams_of_a_network_that_shifts_its_tiles_fade() -> None:
    """Brightness that changes from tile to tile does so without a step."""

    def shifting(seen: NDArray[np.float32], top: int, left: int) -> NDArray[np.float32]:
        return np.full((seen.shape[0] * 4, seen.shape[1] * 4, 3), 0.4 if left < 16 else 0.6, np.float32)

    enlarge: Enlarger = shifting
    large = enlarge_tiled(np.zeros((32, 64, 3), np.uint8), enlarge, 32, 16)[0, :, 0].astype(int)
    assert (large[0], large[-1]) == (102, 153)
    assert np.abs(np.diff(large)).max() <= 2
