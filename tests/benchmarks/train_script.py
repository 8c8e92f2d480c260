"""How a plain script trains DreamBooth with diffusers and accelerate, as the documentation of both tells to: the peer.

Photos are read, decoded and encoded, and prompts too, at every train step. Nothing of ours is imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.optimization import get_scheduler
from peft import LoraConfig
from PIL import Image, ImageOps
from torch.utils.data import DataLoader, Dataset
from transformers import CLIPTextModel, CLIPTokenizer

from tests.benchmarks.train_load import CLASS_PROMPT, INSTANCE_PROMPT, LEARNING_RATE, RANK, Load

HALF = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Photos(Dataset[dict[str, torch.Tensor]]):
    """Instance images with class images beside them, from their files each time; as many as there are of the more."""

    def __init__(self, folder: Path, tokenizer: Any, side: int) -> None:
        self._instances, self._others = (sorted((folder / kind).iterdir()) for kind in ("instance", "class"))
        self._tokenizer, self._side = tokenizer, side

    def __len__(self) -> int:
        return max(len(self._instances), len(self._others))

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {
            "instance": self._pixels(self._instances[index % len(self._instances)]),
            "instance_ids": self._ids(INSTANCE_PROMPT),
            "class": self._pixels(self._others[index % len(self._others)]),
            "class_ids": self._ids(CLASS_PROMPT),
        }

    def _pixels(self, file: Path) -> torch.Tensor:
        """Upright, the shorter side at `side` px, its middle, in [-1, 1]."""
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
        image = ImageOps.fit(image, (self._side, self._side), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 127.5 - 1

    def _ids(self, prompt: str) -> torch.Tensor:
        length = self._tokenizer.model_max_length
        told = self._tokenizer(prompt, truncation=True, padding="max_length", max_length=length, return_tensors="pt")
        ids: torch.Tensor = told.input_ids[0]
        return ids


def together(examples: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """One batch: all instance images, then all class images."""
    pixels = [each["instance"] for each in examples] + [each["class"] for each in examples]
    ids = [each["instance_ids"] for each in examples] + [each["class_ids"] for each in examples]
    return {"pixels": torch.stack(pixels), "ids": torch.stack(ids)}


class Script:
    """One training of the script's."""

    def __init__(self, load: Load) -> None:
        half = HALF[load.precision]
        base = load.base_model
        self._accelerator = Accelerator(mixed_precision="bf16" if load.precision == "bf16" else "no", cpu=True)
        tokenizer = CLIPTokenizer.from_pretrained(base, subfolder="tokenizer")
        self._text_encoder = CLIPTextModel.from_pretrained(base, subfolder="text_encoder").requires_grad_(False)
        self._vae: Any = AutoencoderKL.from_pretrained(base, subfolder="vae").requires_grad_(False)
        self._noise: Any = DDPMScheduler.from_pretrained(base, subfolder="scheduler")
        unet: Any = UNet2DConditionModel.from_pretrained(base, subfolder="unet").requires_grad_(False)
        parts: tuple[Any, ...] = (unet, self._vae, self._text_encoder)
        for part in parts:
            part.to(half)
        targets = ["to_k", "to_q", "to_v", "to_out.0"]
        unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, init_lora_weights="gaussian", target_modules=targets))
        self._learning = [parameter for parameter in unet.parameters() if parameter.requires_grad]
        for parameter in self._learning:
            parameter.data = parameter.data.float()
        optimizer = torch.optim.AdamW(self._learning, lr=LEARNING_RATE, weight_decay=1e-2)
        photos = Photos(Path(load.folder), tokenizer, load.side)
        batches = DataLoader(photos, batch_size=1, shuffle=True, collate_fn=together)
        schedule = get_scheduler("constant", optimizer)
        prepared = self._accelerator.prepare(unet, optimizer, batches, schedule)
        self._unet, self._optimizer, self._loader, self._schedule = prepared
        self._batches = self._endless()

    def _endless(self) -> Iterator[dict[str, torch.Tensor]]:
        while True:
            yield from self._loader

    def prepare(self, steps: int) -> None:
        """Nothing: that is the point of it."""

    def step(self) -> float:
        """One train step; the loss of its instance image plus that of its class image."""
        batch = next(self._batches)
        with self._accelerator.accumulate(self._unet):
            loss = self._loss(batch)
            self._accelerator.backward(loss)
            self._accelerator.clip_grad_norm_(self._learning, 1.0)
            self._optimizer.step()
            self._schedule.step()
            self._optimizer.zero_grad()
        return float(loss.detach().item())

    def _loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.no_grad():
            latents = self._vae.encode(batch["pixels"].to(self._vae.dtype)).latent_dist.sample()
            latents = latents * self._vae.config.scaling_factor
            embeds = self._text_encoder(batch["ids"])[0]
        noise = torch.randn_like(latents)
        timesteps = torch.randint(self._noise.config.num_train_timesteps, (len(latents),))
        noisy = self._noise.add_noise(latents, noise, timesteps)
        predicted = self._unet(noisy, timesteps, embeds, return_dict=False)[0]
        wanted = noise
        if self._noise.config.prediction_type == "v_prediction":
            wanted = self._noise.get_velocity(latents, noise, timesteps)
        own, prior = (
            torch.nn.functional.mse_loss(ours.float(), theirs.float())
            for ours, theirs in zip(predicted.chunk(2), wanted.chunk(2), strict=True)
        )
        return own + prior

    def moved(self) -> float:
        """Mean size of what LoRA's second factors have become; they began at zero."""
        named = self._accelerator.unwrap_model(self._unet).named_parameters()
        return float(torch.cat([p.detach().abs().flatten() for name, p in named if "lora_B" in name]).mean())
