"""Previews are small files whatever they show; another base model's go where the operator says."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools import draw_previews


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize(("count", "size"), [(1, (1, 1)), (2, (2, 1)), (3, (2, 1)), (4, (2, 2))])
def test_images_stand_two_in_a_row(count: int, size: tuple[int, int]) -> None:
    sheet = draw_previews.side_by_side([noise(96, 144)] * count)
    assert sheet.size == (size[0] * draw_previews.SIDE, size[1] * draw_previews.SIDE)


def test_images_keep_their_upper_part() -> None:
    pixels = np.zeros((200, 100, 3), np.uint8)
    pixels[:100] = 255
    assert np.asarray(draw_previews.side_by_side([Image.fromarray(pixels)])).min() == 255


def test_even_noise_becomes_a_small_file() -> None:
    content = draw_previews.small_jpeg(noise(256, 256))
    assert len(content) <= draw_previews.MAX_BYTES
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("JPEG", (256, 256))


def test_another_base_model_needs_a_folder_of_the_operators(
    tmp_path: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        draw_previews.main(["--base-model", str(tmp_path)])
    assert "PHOTOGEN_STYLE_PREVIEWS" in capsys.readouterr().err
