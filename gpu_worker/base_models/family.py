"""What every base model offers to the train and generate stages, and the one door that loads it.

No family's own knowledge here (parts, losses, LoRA targets): that stands in the family's file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import torch
from diffusers import DiffusionPipeline

from gpu_worker.prompt_encoding import PromptEncoder

# diffusers' class of the folder's model_index.json → our file that knows this family.
FAMILIES = {
    "StableDiffusionPipeline": "gpu_worker.base_models.stable_diffusion",
    "StableDiffusionXLPipeline": "gpu_worker.base_models.stable_diffusion_xl",
    "StableDiffusion3Pipeline": "gpu_worker.base_models.stable_diffusion_3",
    "FluxPipeline": "gpu_worker.base_models.flux",
}
# Of all weights, or by part, "default" of those not named.
Precision = torch.dtype | dict[str, torch.dtype]


class UnknownFamily(Exception):
    """The folder or repository holds a pipe that no file of ours knows."""


@dataclass(frozen=True)
class Licence:
    """Under what terms the weights may be used."""

    name: str
    commercial_use: bool


@dataclass(frozen=True)
class Conditioning:
    """Prompts as a denoiser takes them: `embeds`, float (N, tokens, width), and where the family has one the
    `pooled` embedding, float (N, width).
    """

    embeds: torch.Tensor
    pooled: torch.Tensor | None = None

    def take(self, which: torch.Tensor) -> "Conditioning":
        """Rows `which`, int64 (M,), in that order, repeated where asked."""
        which = which.to(self.embeds.device)
        return Conditioning(self.embeds[which], None if self.pooled is None else self.pooled[which])

    def without(self, which: torch.Tensor) -> "Conditioning":
        """The same with zeros in the rows that `which`, bool (N,), says."""
        which = which.to(self.embeds.device)
        pooled = None if self.pooled is None else self.pooled.masked_fill(which[:, None], 0.0)
        return Conditioning(self.embeds.masked_fill(which[:, None, None], 0.0), pooled)

    def detach(self) -> "Conditioning":
        """The same without gradients."""
        return Conditioning(self.embeds.detach(), None if self.pooled is None else self.pooled.detach())


@dataclass(frozen=True)
class LossRecipe:
    """What shapes a denoising loss beside network and data; each family takes what its noise knows.

    `snr_gamma`: min-SNR weighting (Hang et al., arXiv 2303.09556, equation 7). `noise_offset`: share of noise that is
    one value per image and channel (Guttenberg, "Diffusion with Offset Noise", 2023). `low_noise_share`: of the
    images, whose timesteps are drawn towards little noise, see `losses.timesteps_for`. Flow matching has none of them.
    """

    snr_gamma: float | None = None
    noise_offset: float = 0.0
    low_noise_share: float = 0.0


PLAIN_LOSS = LossRecipe()


class BaseModel(Protocol):
    """One loaded base model: its parts, on one device, and what its family knows of them.

    `lora_targets` names the parts that can learn, the denoiser first, then text encoders, each with the layers that
    LoRA is laid over; `getattr(base, part)` is the torch module of each.
    """

    source: str
    licence: Licence
    tokenizer: Any
    text_encoder: Any
    vae: Any
    lora_targets: Mapping[str, tuple[str, ...]]

    @property
    def denoiser(self) -> Any:
        """The part that removes noise: a UNet or a transformer."""
        ...

    @property
    def parts(self) -> Mapping[str, torch.nn.Module]:
        """Every network of the base model by name, those that never learn too."""
        ...

    @property
    def tokenizers(self) -> Mapping[str, Any]:
        """By the name of the text encoder that reads their tokens."""
        ...

    @property
    def resolution(self) -> int:
        """Native side of an image, pixels."""
        ...

    @property
    def zeros_for_no_prompt(self) -> bool:
        """Whether the pipe takes zeros where there is no prompt at all, rather than the embeddings of ""."""
        ...

    @property
    def side_step(self) -> int:
        """What every side of an image is a multiple of, pixels."""
        ...

    def encode_prompts(self, prompts: Sequence[str], frozen: torch.Tensor | None = None) -> Conditioning:
        """Prompt embeddings; keeps gradients of the text encoders. `frozen`: what encode_frozen said of these prompts,
        so that it is not asked again.
        """
        ...

    def encode_frozen(self, prompts: Sequence[str]) -> torch.Tensor | None:
        """What those text encoders say that no method teaches, float (N, tokens, width); None where all can learn."""
        ...

    def encode_images(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Scaled latents, float (N, channels, h, w), of images (N, 3, H, W) in [-1, 1]; no gradients."""
        ...

    def drawn_latents(self, drawn: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """What the pipe drew with `output_type="latent"`, `height` x `width` px, in the shape of `encode_images`."""
        ...

    def loss_per_image(
        self,
        latents: torch.Tensor,
        conditioning: Conditioning,
        generator: torch.Generator | None = None,
        weights: torch.Tensor | None = None,
        recipe: LossRecipe = PLAIN_LOSS,
    ) -> torch.Tensor:
        """The denoising loss at one random timestep per image, float32 (N,); the caller averages.

        `weights`, (N, 1, h, w) with mean 1 per image, says where errors count more. `generator` lives on the CPU, so
        that a seed means the same noise on every device.
        """
        ...

    def save_lora(self, layers: Mapping[str, Mapping[str, torch.Tensor]], folder: Path, **metadata: Any) -> None:
        """Write LoRA layers by part, in peft's or diffusers' names, into the one file that this family's pipe loads.

        `metadata`: `<part>_lora_adapter_metadata`, what peft's LoraConfig of that part says.
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
    dtype: Precision = torch.float32,
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
