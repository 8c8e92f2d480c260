"""What the benchmark of the engine draws with: base models, customers' LoRA weights, prompts. Nothing is measured here.

Speed does not depend on what weights mean: those of the large base model and of all customers are random numbers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from gpu_worker.base_models.family import load_base_model
from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.base_models.pocket.people.vocabulary import GARMENT_COLOURS, SCENES
from gpu_worker.base_models.pocket.tokenizer import MAX_LENGTH, build_tokenizer
from gpu_worker.weights import LORA_FILE, RECORD

RANK = 16


@dataclass(frozen=True)
class Load:
    """What is drawn: `images` for each customer, every image its own prompt."""

    name: str
    base_model: Path
    customers: tuple[Path, ...]  # `inputs` folders with a subject in train/
    images: int
    steps: int

    def prompts(self, customer: int) -> list[str]:
        """No two alike; {token} for the subject."""
        scenes, colours = list(SCENES.values()), list(GARMENT_COLOURS)
        numbers = range(customer * self.images, (customer + 1) * self.images)
        return [
            f"a photo of a {{token}}, wearing a {colours[number % len(colours)]} shirt, "
            f"{scenes[number // len(colours) % len(scenes)]}"
            + ", smiling"
            * (number // len(colours) // len(scenes) % 2)
            for number in numbers
        ]


def pocket_load(folder: Path, customers: int = 20) -> Load:
    """Twenty customers of eight images each on the shipped pocket."""
    return Load("pocket", WEIGHTS, _customers(folder / "pocket", WEIGHTS, customers), images=8, steps=20)


def sd140m_load(folder: Path, customers: int = 4, side: int = 128) -> Load:
    """Four customers of four images each on a base model of Stable Diffusion's shape with 140 M parameters."""
    base = folder / f"sd140m-{side}"
    if not (base / "model_index.json").is_file():
        sd140m(base, side)
    return Load("sd140m", base, _customers(folder / "sd140m", base, customers), images=4, steps=8)


def sd140m(folder: Path, side: int) -> None:
    """Write the base model: UNet (128, 256, 512, 512), full-size VAE, CLIP-L's text encoder; random, float16."""
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    # Whole words, as CLIP's own has them: letter by letter a prompt would not fit into 75 tokens.
    words = " ".join(["a photo of a sks person, wearing a shirt, smiling", *SCENES.values(), *GARMENT_COLOURS])
    tokenizer = build_tokenizer(sorted(set(re.findall(r"[a-z]+", words))), folder / "words")
    pipe = StableDiffusionPipeline(  # type: ignore[no-untyped-call]
        vae=_vae(),
        text_encoder=_text_encoder(),
        tokenizer=tokenizer,
        unet=_unet(side),
        scheduler=DDIMScheduler(clip_sample=False, steps_offset=1),  # type: ignore[no-untyped-call]
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.to(torch.float16).save_pretrained(folder)


def _unet(side: int) -> Any:
    return UNet2DConditionModel(  # type: ignore[no-untyped-call]
        sample_size=side // 8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(128, 256, 512, 512),
        cross_attention_dim=768,
        attention_head_dim=8,
        layers_per_block=2,
    )


def _vae() -> Any:
    return AutoencoderKL(  # type: ignore[no-untyped-call]
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        scaling_factor=0.18215,
    )


def _text_encoder() -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408,
            hidden_size=768,
            intermediate_size=3072,
            projection_dim=768,
            num_hidden_layers=12,
            num_attention_heads=12,
            max_position_embeddings=MAX_LENGTH,
        )
    )


def _customers(folder: Path, base_model: Path, count: int) -> tuple[Path, ...]:
    base = load_base_model(base_model)
    shapes = {
        name: tuple(module.weight.shape)
        for name, module in base.denoiser.named_modules()
        if name.endswith(base.lora_targets["unet"])
    }
    inputs = [folder / f"{number:02d}" for number in range(count)]
    for number, customer in enumerate(inputs):
        _write_subject(customer / "train", shapes, number)
    return tuple(inputs)


def _write_subject(folder: Path, shapes: dict[str, Any], seed: int) -> None:
    """LoRA weights as a training writes them, small random ones."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, (outputs, inputs) in shapes.items():
        tensors[f"unet.{name}.lora.down.weight"] = (torch.randn(RANK, inputs, generator=generator) / inputs).half()
        tensors[f"unet.{name}.lora.up.weight"] = (torch.randn(outputs, RANK, generator=generator) / RANK).half()
    save_file(tensors, folder / LORA_FILE)
    (folder / RECORD).write_text(json.dumps({"config": {"identifier": "sks", "class_noun": "person"}}))
