"""Pocket's shape: a Stable-Diffusion pipe that two CPU cores can train, and its folder with random weights.

No training here. Sizes: text encoder 1.5 M, VAE 1.5 M, unet 11 M parameters; 64 px images, 16x16x8 latents.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from gpu_worker.base_models.pocket.tokenizer import MAX_LENGTH, build_tokenizer
from gpu_worker.base_models.pocket.words import WORDS

RESOLUTION = 64  # px; what two cores can learn in an hour
LATENT_CHANNELS = 8  # four blur eyes and glasses at this size
LATENT_SIDE = RESOLUTION // 4
TEXT_WIDTH = 160


def build_pipe(seed: int) -> Any:
    """A pocket pipe with random float32 weights, the same for the same seed."""
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = build_tokenizer(list(WORDS), Path(folder))
    pipe: Any = StableDiffusionPipeline(
        vae=new_vae(),
        text_encoder=new_text_encoder(tokenizer),
        tokenizer=tokenizer,
        unet=new_unet(),
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def build(seed: int, folder: Path) -> Path:
    """Write a pocket with random weights into `folder` (diffusers' format, safetensors) and return it."""
    build_pipe(seed).save_pretrained(folder, safe_serialization=True)
    return folder


def new_text_encoder(tokenizer: Any) -> Any:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            projection_dim=TEXT_WIDTH,
            num_hidden_layers=4,
            num_attention_heads=5,
            max_position_embeddings=MAX_LENGTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).eval()


def new_vae() -> Any:
    vae: Any = AutoencoderKL(
        sample_size=RESOLUTION,
        latent_channels=LATENT_CHANNELS,
        block_out_channels=(16, 48, 96),
        layers_per_block=1,
        norm_num_groups=4,  # four channels to a group at least: alone, a channel loses its brightness
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        scaling_factor=1.0,
    )
    return vae.eval()


def new_unet() -> Any:
    unet: Any = UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(64, 128, 192),
        layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,  # so diffusers calls the number of heads: 32 and 48 channels each
        norm_num_groups=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
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
    given = arguments.parse_args()
    build(given.seed, given.folder)


if __name__ == "__main__":
    main()
