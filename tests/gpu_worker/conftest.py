"""Real portraits for the stages' tests: public-domain photos that lie inside wheels."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from matplotlib import cbook
from PIL import Image
from skimage import data
from transformers import CLIPTextConfig, CLIPTextModel

from gpu_worker.base_models.pocket.tokenizer import MAX_LENGTH, build_tokenizer

# The models of these tests are tiny: threads would only wait for each other, long on a busy machine.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def grace_hopper() -> Image.Image:
    """512 x 600, a face of 213 px."""
    path = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    with Image.open(str(path)) as image:
        return image.convert("RGB")


@pytest.fixture(scope="session")
def astronaut() -> Image.Image:
    """512 x 512, a face of 114 px."""
    return Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]  # no stubs upstream


@pytest.fixture(scope="session")
def coffee() -> Image.Image:
    """A cup, and nobody."""
    return Image.fromarray(data.coffee())  # type: ignore[no-untyped-call]  # no stubs upstream


@pytest.fixture(scope="session")
def random_pocket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model of pocket's shape, smaller and never trained, as a diffusers folder: a train step in 20 ms."""
    folder = tmp_path_factory.mktemp("pocket")
    torch.manual_seed(0)
    tokenizer = build_tokenizer(["photo", "person"], folder / "words")
    StableDiffusionPipeline(  # type: ignore[no-untyped-call]
        vae=_vae(),
        text_encoder=_text_encoder(len(tokenizer)),
        tokenizer=tokenizer,
        unet=_unet(),
        scheduler=_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def _text_encoder(words: int) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=words,
            hidden_size=32,
            intermediate_size=64,
            projection_dim=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=MAX_LENGTH,
        )
    )


def _scheduler() -> Any:
    return DDIMScheduler(  # type: ignore[no-untyped-call]
        prediction_type="v_prediction", timestep_spacing="trailing", clip_sample=False, steps_offset=1
    )


def _vae() -> Any:
    return AutoencoderKL(  # type: ignore[no-untyped-call]
        sample_size=64,
        block_out_channels=(8, 8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        scaling_factor=1.0,
    )


def _unet() -> Any:
    return UNet2DConditionModel(  # type: ignore[no-untyped-call]
        sample_size=16,
        block_out_channels=(16, 32),
        layers_per_block=1,
        cross_attention_dim=32,
        attention_head_dim=8,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )


@pytest.fixture
def stage_folders(tmp_path: Path) -> tuple[Path, Path]:
    """An `inputs` folder with an empty photos/ and an empty `outputs`."""
    inputs, outputs = tmp_path / "inputs", tmp_path / "outputs"
    (inputs / "photos").mkdir(parents=True)
    outputs.mkdir()
    return inputs, outputs
