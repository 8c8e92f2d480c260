"""The stage: four times larger, told as it goes, or refused with a reason."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from gpu_worker.errors import BadWeights
from gpu_worker.images import read_rgb, write_png
from gpu_worker.upscale import UpscaleConfig, upscale_images


def put(folder: Path, image: Image.Image) -> None:
    (folder / "generate").mkdir(parents=True)
    write_png(np.asarray(image), folder / "generate" / "001.png")
    told = {"images": [{"file": "001.png", "width": image.width, "height": image.height, "seed": 5}]}
    (folder / "generate" / "images.json").write_text(json.dumps(told))


@pytest.mark.parametrize("model", ["x4plus", "animevideov3"])
def test_a_portrait_is_enlarged_and_still_itself(
    tmp_path: Path, grace_hopper: Image.Image, model: Literal["x4plus", "animevideov3"]
) -> None:
    small = grace_hopper.crop((140, 60, 396, 380)).resize((24, 30), Image.Resampling.LANCZOS)
    put(tmp_path / "in", small)
    (tmp_path / "out").mkdir()
    upscale_images(tmp_path / "in", tmp_path / "out", UpscaleConfig(upscale_model=model))
    large = read_rgb(tmp_path / "out" / "001.png")
    assert large.shape == (120, 96, 3)
    back = np.asarray(Image.fromarray(large).resize(small.size, Image.Resampling.BOX))
    assert np.abs(back.astype(int) - np.asarray(small)).mean() < 10
    (told,) = json.loads((tmp_path / "out" / "images.json").read_text())["images"]
    assert told == {"file": "001.png", "width": 96, "height": 120, "seed": 5}


def test_progress_is_told_while_one_image_is_enlarged(tmp_path: Path, grace_hopper: Image.Image) -> None:
    put(tmp_path, grace_hopper.resize((16, 40)))
    told: list[tuple[float, str]] = []
    config = UpscaleConfig(upscale_model="animevideov3", tile=16)
    (tmp_path / "out").mkdir()
    upscale_images(tmp_path, tmp_path / "out", config, on_step=lambda progress, line: told.append((progress, line)))
    assert [line for _, line in told] == ["upscale 1/1"] * 3
    assert [progress for progress, _ in told] == sorted(progress for progress, _ in told)
    assert told[-1][0] == 1


@pytest.mark.parametrize(
    "given",
    [
        {"upscale_weights": "model.pth"},
        {"upscale_weights": "nowhere.safetensors"},
        {"upscale_model": "diffusion"},
        {"upscale_model": "diffusion", "upscale_weights": "nowhere"},
    ],
)
def test_weights_that_are_not_there_are_told(tmp_path: Path, given: dict[str, str]) -> None:
    put(tmp_path, Image.new("RGB", (32, 32)))
    with pytest.raises(BadWeights):
        upscale_images(tmp_path, tmp_path, UpscaleConfig.from_params(given))


def test_a_broken_file_is_told_by_spandrel(tmp_path: Path) -> None:
    """And a whole one that holds no network, too."""
    pytest.importorskip("spandrel")
    put(tmp_path, Image.new("RGB", (32, 32)))
    (tmp_path / "broken.safetensors").write_bytes(b"\x00" * 100)
    save_file({"weight": torch.zeros(3)}, tmp_path / "strange.safetensors")
    for name in ("broken", "strange"):
        config = UpscaleConfig(upscale_weights=str(tmp_path / f"{name}.safetensors"))
        with pytest.raises(BadWeights, match=name):
            upscale_images(tmp_path, tmp_path, config)
