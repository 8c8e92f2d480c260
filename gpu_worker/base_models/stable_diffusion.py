"""Stable Diffusion 1.x and 2.x, and pocket, which has their shape: loading, prompts, latents, loss, LoRA.

No training loop and no sampler settings here; those are the stages' own.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, StableDiffusionPipeline
from safetensors import safe_open

from gpu_worker.base_models.family import Licence
from gpu_worker.prompt_encoding import ClipText

# Licences of the weights on the hub; both are use-restricted but allow commercial use.
LICENCES = {
    "stable-diffusion-v1-5/stable-diffusion-v1-5": Licence("creativeml-openrail-m", commercial_use=True),
    "stabilityai/stable-diffusion-2-1": Licence("openrail++", commercial_use=True),
    "stabilityai/stable-diffusion-2-1-base": Licence("openrail++", commercial_use=True),
}
# What we were not told, we may not sell.
UNKNOWN_LICENCE = Licence("unknown", commercial_use=False)
# Beside model_index.json a folder may state its licence: {"licence": ..., "commercial_use": ...}.
LICENCE_FILES = ("pocket.json", "base_model.json")


@dataclass
class StableDiffusion:
    """The parts of a Stable-Diffusion-shaped base model; see `family.BaseModel` for shapes and ranges."""

    source: str
    licence: Licence
    tokenizer: Any
    text_encoder: Any
    vae: Any
    unet: Any
    noise_scheduler: Any
    inference_scheduler: Any
    unet_lora_targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0")
    text_lora_targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "out_proj")

    @property
    def resolution(self) -> int:
        """Native side of an image, pixels."""
        downsampling = 2 ** (len(self.vae.config.block_out_channels) - 1)
        return int(self.unet.config.sample_size) * int(downsampling)

    @property
    def prediction_type(self) -> str:
        """What the unet predicts: "epsilon", "v_prediction" or "sample"."""
        return str(self.noise_scheduler.config.prediction_type)

    def tokenize(self, prompts: Sequence[str]) -> torch.Tensor:
        """Token ids, int64 (N, tokens)."""
        batch = self.tokenizer(
            list(prompts),
            padding="max_length",
            truncation=True,
            max_length=self.tokenizer.model_max_length,
            return_tensors="pt",
        )
        ids: torch.Tensor = batch.input_ids
        return ids

    def encode_prompts(self, prompts: Sequence[str]) -> torch.Tensor:
        """Prompt embeddings, float (N, tokens, width); keeps gradients of the text encoder."""
        embeds: torch.Tensor = self.text_encoder(self.tokenize(prompts).to(self.text_encoder.device))[0]
        return embeds

    @torch.no_grad()
    def encode_images(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Scaled latents, float (N, channels, h, w), of images float (N, 3, H, W) in [-1, 1]."""
        images = images.to(self.vae.device, self.vae.dtype)
        latents: torch.Tensor = self.vae.encode(images).latent_dist.sample(generator)
        return latents * float(self.vae.config.scaling_factor)

    def loss_per_image(
        self,
        latents: torch.Tensor,
        prompt_embeds: torch.Tensor,
        generator: torch.Generator | None = None,
        weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Mean squared error of the unet's prediction at one random timestep per image, float32 (N,).

        `weights`, (N, 1, h, w) with mean 1, says where errors count more.
        `generator` lives on the CPU, so that a seed means the same noise on every device.
        """
        count, device = len(latents), latents.device
        steps = int(self.noise_scheduler.config.num_train_timesteps)
        timesteps = torch.randint(0, steps, (count,), generator=generator).to(device)
        noise = torch.randn(latents.shape, generator=generator).to(device, latents.dtype)
        noisy = self.noise_scheduler.add_noise(latents, noise, timesteps)
        predicted = self.unet(noisy, timesteps, prompt_embeds, return_dict=False)[0]
        target = self._target(latents, noise, timesteps)
        error = (predicted.float() - target.float()).square()
        loss: torch.Tensor = (error if weights is None else error * weights).mean(dim=(1, 2, 3))
        return loss

    def _target(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        if self.prediction_type == "v_prediction":
            velocity: torch.Tensor = self.noise_scheduler.get_velocity(latents, noise, timesteps)
            return velocity
        return latents if self.prediction_type == "sample" else noise

    def prompt_encoder(self) -> ClipText:
        """CLIP's last hidden state, emphasis and all."""
        return ClipText(self.tokenizer, self.text_encoder)

    def pipe(self) -> Any:
        """A StableDiffusionPipeline over these very parts, ready to generate."""
        pipe: Any = StableDiffusionPipeline(
            vae=self.vae,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            unet=self.unet,
            scheduler=self.inference_scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe


def load(source: str, *, revision: str | None, device: torch.device | str, dtype: torch.dtype) -> StableDiffusion:
    """Open the folder or hub repository `source`; every weight from safetensors. Raises OSError, ValueError."""
    pipe = StableDiffusionPipeline.from_pretrained(
        source,
        revision=revision,
        use_safetensors=True,
        safety_checker=None,
        requires_safety_checker=False,
        dtype=dtype,
    ).to(device)
    _check_complete(pipe.text_encoder, Path(source) / "text_encoder" / "model.safetensors")
    return of_pipe(pipe, source)


def of_pipe(pipe: Any, source: str) -> StableDiffusion:
    """The base model whose parts `pipe` holds (shared, frozen, in evaluation mode)."""
    for part in (pipe.vae, pipe.text_encoder, pipe.unet):
        part.requires_grad_(False).eval()
    return StableDiffusion(
        source=source,
        licence=_licence(source),
        tokenizer=pipe.tokenizer,
        text_encoder=pipe.text_encoder,
        vae=pipe.vae,
        unet=pipe.unet,
        noise_scheduler=DDPMScheduler.from_config(pipe.scheduler.config),
        inference_scheduler=pipe.scheduler,
    )


def _check_complete(text_encoder: torch.nn.Module, file: Path) -> None:
    """transformers fills what a file lacks with random numbers, and only warns."""
    if not file.is_file():
        return  # in several files, or a repository of the hub
    with safe_open(file, framework="pt") as opened:
        held = {name.removeprefix("text_model.") for name in opened.keys()}  # noqa: SIM118 - it is no mapping
    wanted = {name.removeprefix("text_model.") for name, _ in text_encoder.named_parameters()}
    if missing := sorted(wanted - held):
        raise ValueError(f"{file} lacks {missing[0]} and {len(missing) - 1} more")


def _licence(source: str) -> Licence:
    for name in LICENCE_FILES:
        file = Path(source) / name
        if file.is_file():
            told = json.loads(file.read_text())
            return Licence(str(told["licence"]), bool(told["commercial_use"]))
    return LICENCES.get(source, UNKNOWN_LICENCE)
