"""Pocket's shapes: Stable-Diffusion pipes that two CPU cores can train, and folders of them with random weights.

No training here. FIRST is what ships: 64 px, text encoder 1.5 M, VAE 1.5 M, unet 11 M parameters. The others are
candidates for 128 px; which of them is trained, SECOND says.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from gpu_worker.base_models.pocket.tokenizer import MAX_LENGTH, build_tokenizer
from gpu_worker.base_models.pocket.words import MORE_WORDS, WORDS

GROUP = 4  # channels to a group at least: alone, a channel loses its brightness


@dataclass(frozen=True)
class Shape:
    """All that tells one pocket from another before training. `resolution` in px.

    The VAE halves a side once for each of `vae_channels` but the first. `unet_channels` are the unet's levels, the
    first of them at the latents' own size; `attends` says which of them read the prompt. `heads` of attention each.
    """

    resolution: int
    latent_channels: int
    vae_channels: tuple[int, ...]
    unet_channels: tuple[int, ...]
    attends: tuple[bool, ...]
    layers: int = 1
    heads: int = 4
    text_width: int = 160
    words: tuple[str, ...] = WORDS

    @property
    def factor(self) -> int:
        """Pixels to a latent, each way."""
        return int(2 ** (len(self.vae_channels) - 1))

    @property
    def latent_side(self) -> int:
        return self.resolution // self.factor


# 64 px is what two cores learn in an hour; eight channels, as four blur eyes and glasses at this size.
FIRST = Shape(64, 8, (16, 48, 96), (64, 128, 192), (False, True, True))

KNOWN = WORDS + MORE_WORDS
AT_FOUR, AT_EIGHT = (16, 48, 96), (16, 32, 64, 128)
# As much as two cores learn at 80 ms an image, 0.7 G multiplications and additions forward: wide at 16 x 16, where
# faces are drawn, rather than deep. At 32 x 32 one more level stands before, and less is left for the others.
WIDE, BEFORE = (96, 160, 224), (32, 64, 160, 224)
FOUR_BY_4 = Shape(128, 4, AT_FOUR, BEFORE, (False, False, True, True), words=KNOWN)
EIGHT_BY_8 = Shape(128, 8, AT_EIGHT, WIDE, (False, True, True), words=KNOWN)
EIGHT_BY_16 = Shape(128, 16, AT_EIGHT, WIDE, (False, True, True), words=KNOWN)
SHAPES = {"first": FIRST, "four-by-4": FOUR_BY_4, "eight-by-8": EIGHT_BY_8, "eight-by-16": EIGHT_BY_16}
SECOND = "eight-by-16"  # the one that trainings take; `tests.benchmarks.people.ceiling` compares them
SHAPE_OPTION: dict[str, Any] = {"choices": tuple(SHAPES), "default": SECOND, "help": "which pocket"}


def build_pipe(seed: int, shape: Shape = FIRST) -> Any:
    """A pocket pipe with random float32 weights, the same for the same seed and shape."""
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = build_tokenizer(list(shape.words), Path(folder))
    pipe: Any = StableDiffusionPipeline(
        vae=new_vae(shape),
        text_encoder=new_text_encoder(tokenizer, shape),
        tokenizer=tokenizer,
        unet=new_unet(shape),
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def build(seed: int, folder: Path, shape: Shape = FIRST) -> Path:
    """Write a pocket with random weights into `folder` (diffusers' format, safetensors) and return it."""
    build_pipe(seed, shape).save_pretrained(folder, safe_serialization=True)
    return folder


def new_text_encoder(tokenizer: Any, shape: Shape) -> Any:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=shape.text_width,
            intermediate_size=4 * shape.text_width,
            projection_dim=shape.text_width,
            num_hidden_layers=4,
            num_attention_heads=5,
            max_position_embeddings=MAX_LENGTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).eval()


def new_vae(shape: Shape) -> Any:
    levels = len(shape.vae_channels)
    vae: Any = AutoencoderKL(
        sample_size=shape.resolution,
        latent_channels=shape.latent_channels,
        block_out_channels=shape.vae_channels,
        layers_per_block=1,
        norm_num_groups=min(shape.vae_channels) // GROUP,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        scaling_factor=1.0,
    )
    return vae.eval()


def new_unet(shape: Shape) -> Any:
    unet: Any = UNet2DConditionModel(
        sample_size=shape.latent_side,
        in_channels=shape.latent_channels,
        out_channels=shape.latent_channels,
        block_out_channels=shape.unet_channels,
        layers_per_block=shape.layers,
        cross_attention_dim=shape.text_width,
        attention_head_dim=shape.heads,  # so diffusers calls the number of heads
        norm_num_groups=min(16, min(shape.unet_channels) // GROUP),
        down_block_types=tuple("CrossAttnDownBlock2D" if a else "DownBlock2D" for a in shape.attends),
        up_block_types=tuple("CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(shape.attends)),
    )
    return unet.eval()


def new_scheduler() -> Any:
    # Zero terminal signal and v-prediction: night and snow keep their own brightness instead of mid-grey.
    return DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        steps_offset=1,
        clip_sample=False,
        set_alpha_to_one=True,
    )


def main() -> None:
    """Write a random pocket: `python -m gpu_worker.base_models.pocket.architecture FOLDER`."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--shape", **SHAPE_OPTION)
    given = arguments.parse_args()
    build(given.seed, given.folder, SHAPES[given.shape])


if __name__ == "__main__":
    main()
