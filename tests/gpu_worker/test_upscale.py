"""Four times larger, without seams."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from gpu_worker.errors import BadWeights
from gpu_worker.images import read_rgb, write_png
from gpu_worker.upscale import UpscaleConfig, enlarge_tiled, upscale_images


def put(folder: Path, image: Image.Image) -> None:
    (folder / "generate").mkdir(parents=True)
    write_png(np.asarray(image), folder / "generate" / "001.png")
    told = {"images": [{"file": "001.png", "width": image.width, "height": image.height, "seed": 5}]}
    (folder / "generate" / "images.json").write_text(json.dumps(told))


def nearest(image: np.ndarray) -> np.ndarray:
    return image.repeat(4, axis=0).repeat(4, axis=1)


@pytest.mark.parametrize("model", ["x4plus", "animevideov3"])
def test_a_portrait_is_enlarged_and_still_itself(
    tmp_path: Path, grace_hopper: Image.Image, model: Literal["x4plus", "animevideov3"]
) -> None:
    small = grace_hopper.crop((140, 60, 396, 380)).resize((24, 30), Image.Resampling.LANCZOS)
    put(tmp_path / "in", small)
    (tmp_path / "out").mkdir()
    upscale_images(tmp_path / "in", tmp_path / "out", UpscaleConfig(upscale_model=model, overlap=6))
    large = read_rgb(tmp_path / "out" / "001.png")
    assert large.shape == (120, 96, 3)
    back = np.asarray(Image.fromarray(large).resize(small.size, Image.Resampling.BOX))
    assert np.abs(back.astype(int) - np.asarray(small)).mean() < 10
    (told,) = json.loads((tmp_path / "out" / "images.json").read_text())["images"]
    assert told == {"file": "001.png", "width": 96, "height": 120, "seed": 5}


def test_tiles_leave_no_seams(tmp_path: Path, grace_hopper: Image.Image) -> None:
    small = grace_hopper.crop((140, 60, 396, 316)).resize((48, 48), Image.Resampling.LANCZOS)
    results = []
    for tile in (48, 20):
        folder = tmp_path / str(tile)
        put(folder, small)
        (folder / "out").mkdir()
        config = UpscaleConfig(upscale_model="animevideov3", tile=tile)
        upscale_images(folder, folder / "out", config)
        results.append(read_rgb(folder / "out" / "001.png").astype(int))
    difference = np.abs(results[0] - results[1])
    assert difference.max() <= 6
    assert difference.mean() < 0.5


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 33), (33, 7), (32, 32), (40, 65)])
def test_tiling_fits_any_size(height: int, width: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    assert np.array_equal(enlarge_tiled(image, nearest, 16, 0), nearest(image))
    overlap = min(4, height, width)
    assert np.array_equal(enlarge_tiled(image, nearest, 16, overlap), nearest(image))


def test_spandrel_wants_safetensors(tmp_path: Path) -> None:
    put(tmp_path, Image.new("RGB", (32, 32)))
    pytest.importorskip("spandrel")
    with pytest.raises(BadWeights):
        upscale_images(tmp_path, tmp_path, UpscaleConfig(upscale_weights="model.pth"))
