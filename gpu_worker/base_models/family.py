"""What every base model offers to the train and generate stages, and the one door that loads it.

No family's own knowledge here (parts, losses, LoRA targets): that stands in the family's file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import torch
from diffusers import DiffusionPipeline

from gpu_worker.prompt_encoding import PromptEncoder

# diffusers' class of the folder's model_index.json → our file that knows this family.
FAMILIES = {"StableDiffusionPipeline": "gpu_worker.base_models.stable_diffusion"}


class UnknownFamily(Exception):
    """The folder or repository holds a pipe that no file of ours knows."""


@dataclass(frozen=True)
class Licence:
    """Under what terms the weights may be used."""

    name: str
    commercial_use: bool


class BaseModel(Protocol):
    """One loaded base model: its parts, on one device, and what its family knows of them."""

    source: str
    licence: Licence
    tokenizer: Any
    text_encoder: Any
    vae: Any
    unet: Any
    noise_scheduler: Any
    unet_lora_targets: tuple[str, ...]
    text_lora_targets: tuple[str, ...]

    @property
    def resolution(self) -> int:
        """Native side of an image, pixels."""
        ...

    @property
    def prediction_type(self) -> str:
        """What the unet predicts: "epsilon", "v_prediction" or "sample"."""
        ...

    def tokenize(self, prompts: Sequence[str]) -> torch.Tensor:
        """Token ids, int64 (N, tokens), padded and truncated to the text encoder's length."""
        ...

    def encode_prompts(self, prompts: Sequence[str]) -> torch.Tensor:
        """Prompt embeddings, float (N, tokens, width); keeps gradients of the text encoder."""
        ...

    def encode_images(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Scaled latents, float (N, channels, h, w), of images (N, 3, H, W) in [-1, 1]; no gradients."""
        ...

    def loss_per_image(
        self,
        latents: torch.Tensor,
        prompt_embeds: torch.Tensor,
        generator: torch.Generator | None = None,
        weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The denoising loss at random timesteps, float32 (N,); the caller averages.

        `weights`, (N, 1, h, w) with mean 1, says where errors count more.
        """
        ...

    def prompt_encoder(self) -> PromptEncoder:
        """What the generate stage encodes prompts with: any length, emphasis where the family knows it."""
        ...

    def pipe(self) -> Any:
        """diffusers' pipe over these very parts (shared, not copied), ready to generate."""
        ...


def load_base_model(
    source: Path | str,
    *,
    revision: str | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> BaseModel:
    """Load a base model from a local folder, or a hub repository (`owner/name`, pin it by `revision`).

    Only safetensors are read: other formats can run code. Raises UnknownFamily for a pipe that no family
    file knows, OSError when the source cannot be read.
    """
    index = DiffusionPipeline.load_config(str(source), revision=revision)
    name = index.get("_class_name")
    if name not in FAMILIES:
        raise UnknownFamily(f"{source} holds a {name}; known: {', '.join(FAMILIES)}")
    loaded: BaseModel = import_module(FAMILIES[name]).load(str(source), revision=revision, device=device, dtype=dtype)
    return loaded
