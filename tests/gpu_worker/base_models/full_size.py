"""One train step on a Stable Diffusion 1.5 of full size with random weights; prints what it took as one line of JSON.

A program and no test, so that the peak memory is that of this work alone: test_full_size.py starts it.
"""

import json
import resource
import tempfile
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from gpu_worker.base_models.pocket.tokenizer import build_tokenizer
from gpu_worker.base_models.stable_diffusion import of_pipe
from gpu_worker.train.config import TrainConfig
from gpu_worker.train.lessons import Lesson
from gpu_worker.train.trainer import Trainer

SIDE = 128  # px
WORDS = ["a", "photo", "of", "person"]


def pipe() -> Any:
    """As the published config has it: the unet's 860 M parameters, the whole VAE, CLIP-L's text encoder."""
    with tempfile.TemporaryDirectory() as folder:
        build_tokenizer(WORDS, Path(folder))
        tokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=77)
    words = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=768,
        intermediate_size=3072,
        projection_dim=768,
        num_hidden_layers=12,
        num_attention_heads=12,
        max_position_embeddings=77,
    )
    return StableDiffusionPipeline(
        vae=AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            scaling_factor=0.18215,
        ),
        text_encoder=CLIPTextModel(words),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768),
        scheduler=DDIMScheduler(
            beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def main() -> None:
    """Encode one instance and one class image, lay LoRA over unet and text encoder, take the step."""
    torch.manual_seed(0)
    base = of_pipe(pipe(), "full-size")
    parameters = {name: sum(p.numel() for p in part.parameters()) for name, part in base.parts.items()}
    latents = base.encode_images(torch.rand(2, 3, SIDE, SIDE) * 2 - 1, torch.Generator().manual_seed(0))
    first = torch.zeros(1, dtype=torch.int64)
    lesson = Lesson(["a photo of a sks person", "a photo of a person"], latents[:1], first, latents[1:], first + 1)
    config = TrainConfig(method="lora", rank=16, train_text_encoder=True, num_class_images=1, resolution=SIDE)
    trainer = Trainer(base, lesson, config, 1)
    loss = trainer.step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # Linux tells it in KiB
    print(json.dumps({"peak_gib": round(peak, 2), "loss": loss, "parameters": parameters}))


if __name__ == "__main__":
    main()
