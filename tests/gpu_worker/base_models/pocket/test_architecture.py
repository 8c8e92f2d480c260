"""A pocket with random weights is a real Stable Diffusion pipe."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.base_models.pocket.architecture import (
    FIRST,
    SECOND,
    SHAPES,
    Shape,
    build,
    build_pipe,
    new_unet,
    new_vae,
)
from tests.gpu_worker.base_models.pocket.conftest import TINY

SIZES = {name: shape for name, shape in SHAPES.items() if name != "first"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(0, tmp_path_factory.mktemp("pocket"))


def test_diffusers_opens_the_folder_and_draws(folder: Path) -> None:
    pipe: Any = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    images = pipe("a photo of sks man", num_inference_steps=2, output_type="np").images
    assert images.shape == (1, FIRST.resolution, FIRST.resolution, 3)
    assert images.std() > 0


def test_only_safetensors_are_written(folder: Path) -> None:
    assert not [*folder.rglob("*.bin"), *folder.rglob("*.pt")]


@pytest.mark.parametrize("shape", SIZES.values(), ids=SIZES)
def test_each_candidate_fits_sixty_megabytes(shape: Shape) -> None:
    pipe = build_pipe(0, shape)
    count = sum(weight.numel() for part in (pipe.text_encoder, pipe.vae, pipe.unet) for weight in part.parameters())
    assert 2 * count < 58e6  # bytes as fp16; the rest is for the scorer and the sheet
    assert pipe.unet.config.sample_size * pipe.vae_scale_factor == shape.resolution == 128


def test_the_second_draws_at_its_own_size() -> None:
    pipe = build_pipe(0, SHAPES[SECOND])
    images = pipe("a photo of a man with a beanie", num_inference_steps=1, output_type="np").images
    assert images.shape == (1, 128, 128, 3)
    assert "beanie</w>" in pipe.tokenizer.tokenize("a beanie")


def test_the_first_has_the_shape_of_what_was_trained_with_it() -> None:
    for part, network in (("unet", new_unet(FIRST)), ("vae", new_vae(FIRST))):
        assert _shapes(WEIGHTS / part) == {name: list(value.shape) for name, value in network.state_dict().items()}


def test_any_shape_can_be_built(tmp_path: Path) -> None:
    pipe: Any = StableDiffusionPipeline.from_pretrained(build(0, tmp_path, TINY), safety_checker=None)
    assert pipe.unet.config.sample_size == TINY.latent_side == 8
    assert TINY.factor == 4


def _shapes(part: Path) -> dict[str, list[int]]:
    with safe_open(part / "diffusion_pytorch_model.safetensors", "pt") as file:
        return {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  # no mapping


def test_equal_seeds_give_equal_weights() -> None:
    one, two, other = (build_pipe(seed).unet.conv_in.weight for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
