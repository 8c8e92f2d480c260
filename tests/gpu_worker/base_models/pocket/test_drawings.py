"""Shards as trainings see them: shrunk by area at any ratio, with faces, and refused when they are too small."""

from pathlib import Path

import numpy as np
import pytest

from gpu_worker.base_models.pocket.drawings import Drawings, shrink


@pytest.mark.parametrize(("large", "small"), [(64, 32), (96, 64), (192, 128)])
def test_shrinking_keeps_the_mean_of_every_area(large: int, small: int) -> None:
    steps = np.repeat(np.arange(4, dtype=np.uint8) * 60, large // 4)
    picture = np.broadcast_to(steps[None, :, None], (large, large, 3))[None]
    shrunk = shrink(np.ascontiguousarray(picture), small)
    assert shrunk.shape == (1, 3, small, small)
    assert shrunk[0, 0, 0].tolist() == np.repeat(np.arange(4) * 60, small // 4).tolist()


def test_a_channel_alone_is_shrunk_as_well() -> None:
    assert shrink(np.full((2, 48, 48, 1), 7, np.uint8), 32).unique().tolist() == [7]


def test_nothing_is_enlarged() -> None:
    with pytest.raises(ValueError, match="draw them larger"):
        shrink(np.zeros((1, 64, 64, 3), np.uint8), 128)


def test_faces_come_with_the_drawings(drawings_folder: Path) -> None:
    drawings = Drawings(drawings_folder, 32)
    assert drawings.images.shape == (48, 3, 32, 32)
    assert drawings.alphas.shape == (48, 1, 8, 8)
    assert drawings.faces.shape == (48, 4)
    left, top, right, bottom = drawings.faces[0].tolist()
    assert 0 < left < 0.125 < 0.375 < right < 0.5
    assert 0 < top < bottom < 0.6
