"""Stable Diffusion 1.x and 2.x, and pocket, which has their shape: loading, prompts, latents, loss, LoRA.

No training loop and no sampler settings here; those are the stages' own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, StableDiffusionPipeline

from gpu_worker.base_models import networks
from gpu_worker.base_models.family import PLAIN_LOSS, Conditioning, Licence, LossRecipe, Precision
from gpu_worker.base_models.licences import licence_of
from gpu_worker.base_models.losses import noise_loss
from gpu_worker.prompt_encoding import ClipText

LORA_TARGETS = {
    "unet": ("to_q", "to_k", "to_v", "to_out.0"),
    "text_encoder": ("q_proj", "k_proj", "v_proj", "out_proj"),
}


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
    lora_targets: Mapping[str, tuple[str, ...]] = field(default_factory=LORA_TARGETS.copy)
    zeros_for_no_prompt: bool = False

    @property
    def denoiser(self) -> Any:
        """The unet."""
        return self.unet

    @property
    def parts(self) -> Mapping[str, torch.nn.Module]:
        """Three networks."""
        return {"unet": self.unet, "text_encoder": self.text_encoder, "vae": self.vae}

    @property
    def tokenizers(self) -> Mapping[str, Any]:
        """CLIP's."""
        return {"text_encoder": self.tokenizer}

    @property
    def resolution(self) -> int:
        """Native side of an image, pixels."""
        return int(self.unet.config.sample_size) * networks.downsampling(self.vae)

    @property
    def side_step(self) -> int:
        """One latent, pixels."""
        return networks.downsampling(self.vae)

    @property
    def prediction_type(self) -> str:
        """What the unet predicts: "epsilon", "v_prediction" or "sample"."""
        return str(self.noise_scheduler.config.prediction_type)

    def tokenize(self, prompts: Sequence[str]) -> torch.Tensor:
        """Token ids, int64 (N, tokens)."""
        return networks.token_ids(self.tokenizer, prompts)

    def encode_prompts(self, prompts: Sequence[str], frozen: torch.Tensor | None = None) -> Conditioning:
        """Prompt embeddings, float (N, tokens, width); keeps gradients of the text encoder."""
        return Conditioning(self.text_encoder(self.tokenize(prompts).to(self.text_encoder.device))[0])

    def encode_frozen(self, prompts: Sequence[str]) -> None:
        """Nothing: CLIP can learn."""

    def encode_images(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Scaled latents, float (N, channels, h, w), of images float (N, 3, H, W) in [-1, 1]."""
        return networks.encode_images(self.vae, images, generator)

    def drawn_latents(self, drawn: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """As they are."""
        return drawn

    def loss_per_image(
        self,
        latents: torch.Tensor,
        conditioning: Conditioning,
        generator: torch.Generator | None = None,
        weights: torch.Tensor | None = None,
        recipe: LossRecipe = PLAIN_LOSS,
    ) -> torch.Tensor:
        """Squared error of the unet's prediction at one random timestep per image, float32 (N,)."""
        dtype = networks.dtype_of(self.unet)
        embeds = conditioning.embeds.to(dtype)

        def predict(noisy: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
            predicted: torch.Tensor = self.unet(noisy.to(dtype), timesteps, embeds, return_dict=False)[0]
            return predicted

        return noise_loss(self.noise_scheduler, predict, latents, generator, weights, recipe)

    def save_lora(self, layers: Mapping[str, Mapping[str, torch.Tensor]], folder: Path, **metadata: Any) -> None:
        """One file for both parts."""
        given = {f"{part}_lora_layers": tensors for part, tensors in layers.items()}
        StableDiffusionPipeline.save_lora_weights(folder, **given, **metadata)

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


def load(source: str, *, revision: str | None, device: torch.device | str, dtype: Precision) -> StableDiffusion:
    """Open the folder or hub repository `source`; every weight from safetensors. Raises OSError, ValueError."""
    pipe = StableDiffusionPipeline.from_pretrained(
        source,
        revision=revision,
        use_safetensors=True,
        safety_checker=None,
        requires_safety_checker=False,
        dtype=dtype,
    ).to(device)
    networks.check_complete(pipe.text_encoder, Path(source) / "text_encoder")
    return of_pipe(pipe, source)


def of_pipe(pipe: Any, source: str) -> StableDiffusion:
    """The base model whose parts `pipe` holds (shared, frozen, in evaluation mode)."""
    networks.freeze((pipe.vae, pipe.text_encoder, pipe.unet))
    return StableDiffusion(
        source=source,
        licence=licence_of(source),
        tokenizer=pipe.tokenizer,
        text_encoder=pipe.text_encoder,
        vae=pipe.vae,
        unet=pipe.unet,
        noise_scheduler=DDPMScheduler.from_config(pipe.scheduler.config),
        inference_scheduler=pipe.scheduler,
    )
