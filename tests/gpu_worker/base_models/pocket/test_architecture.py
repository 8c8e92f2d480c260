"""A pocket with random weights is a real Stable Diffusion pipe."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

from gpu_worker.base_models.pocket.architecture import RESOLUTION, build, build_pipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(0, tmp_path_factory.mktemp("pocket"))


def test_diffusers_opens_the_folder_and_draws(folder: Path) -> None:
    pipe: Any = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    images = pipe("a photo of sks man", num_inference_steps=2, output_type="np").images
    assert images.shape == (1, RESOLUTION, RESOLUTION, 3)
    assert images.std() > 0


def test_only_safetensors_are_written(folder: Path) -> None:
    assert not [*folder.rglob("*.bin"), *folder.rglob("*.pt")]


def test_the_size_fits_two_cores_and_forty_megabytes() -> None:
    pipe = build_pipe(0)
    parts = (pipe.text_encoder, pipe.vae, pipe.unet)
    count = sum(parameter.numel() for part in parts for parameter in part.parameters())
    assert 2 * count < 40e6  # bytes as fp16


def test_equal_seeds_give_equal_weights() -> None:
    one, two, other = (build_pipe(seed).unet.conv_in.weight for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
