"""The diffusion upscaler, with diffusers' real class on small random weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, StableDiffusionUpscalePipeline, UNet2DConditionModel
from hypothesis import given, settings
from hypothesis import strategies as some
from transformers import CLIPTextConfig, CLIPTextModel

from gpu_worker.base_models.pocket.tokenizer import MAX_LENGTH, build_tokenizer
from gpu_worker.errors import BadWeights
from gpu_worker.upscale import UpscaleConfig, open_enlarger, overlap
from gpu_worker.upscale.diffusion import plane_noise
from gpu_worker.upscale.tiles import enlarge_tiled


def _upscaler(folder: Path, blocks: int) -> Path:
    """A folder of diffusers: random weights, each block but the first doubles the size."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer(["photo"], folder / "words")
    StableDiffusionUpscalePipeline(  # type: ignore[no-untyped-call]
        vae=AutoencoderKL(  # type: ignore[no-untyped-call]
            block_out_channels=(8,) * blocks,
            norm_num_groups=4,
            scaling_factor=0.08333,
            down_block_types=("DownEncoderBlock2D",) * blocks,
            up_block_types=("UpDecoderBlock2D",) * blocks,
        ),
        text_encoder=_text_encoder(len(tokenizer)),
        tokenizer=tokenizer,
        unet=_unet(),
        low_res_scheduler=DDPMScheduler(),  # type: ignore[no-untyped-call]
        scheduler=DDIMScheduler(prediction_type="v_prediction"),  # type: ignore[no-untyped-call]
    ).save_pretrained(folder)
    return folder


def _text_encoder(words: int) -> Any:
    config = CLIPTextConfig(
        vocab_size=words,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=MAX_LENGTH,
    )
    return CLIPTextModel(config)


def _unet() -> Any:
    return UNet2DConditionModel(  # type: ignore[no-untyped-call]
        in_channels=7,  # latents and the small image's colours
        out_channels=4,
        num_class_embeds=1000,  # noise levels
        block_out_channels=(16, 32),
        layers_per_block=1,
        cross_attention_dim=32,
        attention_head_dim=8,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )


@pytest.fixture(scope="module")
def upscaler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _upscaler(tmp_path_factory.mktemp("upscaler"), 3)


def enlarged(image: np.ndarray, folder: Path, **given: Any) -> np.ndarray:
    config = UpscaleConfig(upscale_model="diffusion", upscale_weights=str(folder), **given)
    return enlarge_tiled(image, open_enlarger(config), config.tile, overlap(config))


def test_tiles_are_drawn_four_times_larger(upscaler: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (21, 34, 3)).astype(np.uint8)
    first, again = (enlarged(image, upscaler, tile=32, overlap=6) for _ in range(2))
    assert first.shape == (84, 136, 3)
    assert np.array_equal(first, again)
    assert first.std() > 1


def test_a_folder_is_taken_for_an_upscaler(upscaler: Path) -> None:
    enlarge = open_enlarger(UpscaleConfig(upscale_weights=str(upscaler)))
    assert enlarge(np.zeros((8, 8, 3), np.float32), 0, 0).shape == (32, 32, 3)


def test_it_must_enlarge_by_four(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="by 2"):
        open_enlarger(UpscaleConfig(upscale_weights=str(_upscaler(tmp_path, 2))))


def test_another_pipe_is_none(random_pocket: Path) -> None:
    with pytest.raises(BadWeights, match="cannot open the upscaler"):
        open_enlarger(UpscaleConfig(upscale_weights=str(random_pocket)))


@given(some.integers(-10, 200), some.integers(-10, 200), some.integers(1, 100), some.integers(1, 100))
@settings(max_examples=20, deadline=None)
def test_tiles_that_overlap_have_the_same_noise(top: int, left: int, height: int, width: int) -> None:
    whole = plane_noise(3, 2, (-10, -10), (320, 320))
    part = plane_noise(3, 2, (top, left), (height, width))
    assert np.array_equal(part, whole[:, top + 10 : top + 10 + height, left + 10 : left + 10 + width])


def test_noise_is_normal_and_the_seeds_own() -> None:
    noise = plane_noise(0, 4, (-70, -70), (256, 256))
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 1) < 0.01
    assert not np.array_equal(noise, plane_noise(1, 4, (-70, -70), (256, 256)))
