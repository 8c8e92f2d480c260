"""Stable Diffusion XL: two text encoders, a pooled embedding, and sizes that the unet is told.

Podell et al., "SDXL", arXiv 2307.01952. No training loop and no sampler settings here; those are the stages' own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline

from gpu_worker.base_models import networks
from gpu_worker.base_models.family import PLAIN_LOSS, Conditioning, Licence, LossRecipe, Precision
from gpu_worker.base_models.licences import licence_of
from gpu_worker.base_models.losses import noise_loss
from gpu_worker.prompt_encoding import ClipText, TwoClips

# As diffusers' examples lay LoRA over SDXL.
OF_CLIP = ("q_proj", "k_proj", "v_proj", "out_proj")
LORA_TARGETS = {
    "unet": ("to_q", "to_k", "to_v", "to_out.0"),
    "text_encoder": OF_CLIP,
    "text_encoder_2": OF_CLIP,
}


@dataclass
class StableDiffusionXL:
    """The parts of an SDXL base model; see `family.BaseModel` for shapes and ranges."""

    source: str
    licence: Licence
    tokenizer: Any
    tokenizer_2: Any
    text_encoder: Any  # CLIP-L
    text_encoder_2: Any  # OpenCLIP bigG
    vae: Any
    unet: Any
    noise_scheduler: Any
    inference_scheduler: Any
    zeros_for_no_prompt: bool  # what the pipe takes where no negative prompt is given
    lora_targets: Mapping[str, tuple[str, ...]] = field(default_factory=LORA_TARGETS.copy)

    @property
    def denoiser(self) -> Any:
        """The unet."""
        return self.unet

    @property
    def parts(self) -> Mapping[str, torch.nn.Module]:
        """Four networks."""
        encoders = {"text_encoder": self.text_encoder, "text_encoder_2": self.text_encoder_2}
        return {"unet": self.unet, **encoders, "vae": self.vae}

    @property
    def tokenizers(self) -> Mapping[str, Any]:
        """CLIP's; they cut alike and pad differently."""
        return {"text_encoder": self.tokenizer, "text_encoder_2": self.tokenizer_2}

    @property
    def resolution(self) -> int:
        """Native side of an image, pixels."""
        return int(self.unet.config.sample_size) * networks.downsampling(self.vae)

    @property
    def side_step(self) -> int:
        """One latent, pixels."""
        return networks.downsampling(self.vae)

    def encode_prompts(self, prompts: Sequence[str], frozen: torch.Tensor | None = None) -> Conditioning:
        """Both encoders' states side by side, and bigG's pooled embedding (section 2.1); keeps their gradients."""
        first, _ = networks.penultimate(self.text_encoder, networks.token_ids(self.tokenizer, prompts))
        second, pooled = networks.penultimate(self.text_encoder_2, networks.token_ids(self.tokenizer_2, prompts))
        return Conditioning(torch.cat([first, second], dim=-1), pooled)

    def encode_frozen(self, prompts: Sequence[str]) -> None:
        """Nothing: CLIP can learn."""

    def encode_images(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Scaled latents, float (N, channels, h, w), of images float (N, 3, H, W) in [-1, 1]."""
        if self.vae.dtype != torch.float16 or not self.vae.config.force_upcast:
            return networks.encode_images(self.vae, images, generator)
        self.vae.to(torch.float32)  # in float16 the published VAE overflows
        try:
            return networks.encode_images(self.vae, images, generator)
        finally:
            self.vae.to(torch.float16)

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
        if conditioning.pooled is None:
            raise ValueError("SDXL reads a pooled embedding beside the others")
        dtype = networks.dtype_of(self.unet)
        embeds = conditioning.embeds.to(dtype)
        added = {"text_embeds": conditioning.pooled.to(dtype), "time_ids": self._sizes(latents).to(dtype)}

        def predict(noisy: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
            predicted: torch.Tensor = self.unet(
                noisy.to(dtype), timesteps, embeds, added_cond_kwargs=added, return_dict=False
            )[0]
            return predicted

        return noise_loss(self.noise_scheduler, predict, latents, generator, weights, recipe)

    def _sizes(self, latents: torch.Tensor) -> torch.Tensor:
        """What the unet is told of each image, float32 (N, 6): its size, nothing cut off, and that size again (2.2)."""
        height, width = (side * networks.downsampling(self.vae) for side in latents.shape[2:])
        return latents.new_tensor([height, width, 0, 0, height, width], dtype=torch.float32).repeat(len(latents), 1)

    def save_lora(self, layers: Mapping[str, Mapping[str, torch.Tensor]], folder: Path, **metadata: Any) -> None:
        """One file for all parts."""
        given = {f"{part}_lora_layers": tensors for part, tensors in layers.items()}
        StableDiffusionXLPipeline.save_lora_weights(folder, **given, **metadata)

    def prompt_encoder(self) -> TwoClips:
        """CLIP-L beside bigG, emphasis and all."""
        first = ClipText(self.tokenizer, self.text_encoder, layer=-2)
        return TwoClips(first, ClipText(self.tokenizer_2, self.text_encoder_2, layer=-2, pools=True))

    def pipe(self) -> Any:
        """A StableDiffusionXLPipeline over these very parts, ready to generate."""
        pipe: Any = StableDiffusionXLPipeline(
            vae=self.vae,
            text_encoder=self.text_encoder,
            text_encoder_2=self.text_encoder_2,
            tokenizer=self.tokenizer,
            tokenizer_2=self.tokenizer_2,
            unet=self.unet,
            scheduler=self.inference_scheduler,
            force_zeros_for_empty_prompt=self.zeros_for_no_prompt,
            add_watermarker=False,  # class images would teach it
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe


def load(source: str, *, revision: str | None, device: torch.device | str, dtype: Precision) -> StableDiffusionXL:
    """Open the folder or hub repository `source`; every weight from safetensors. Raises OSError, ValueError."""
    pipe = StableDiffusionXLPipeline.from_pretrained(
        source, revision=revision, use_safetensors=True, add_watermarker=False, dtype=dtype
    ).to(device)
    for name in ("text_encoder", "text_encoder_2"):
        networks.check_complete(getattr(pipe, name), Path(source) / name)
    return of_pipe(pipe, source)


def of_pipe(pipe: Any, source: str) -> StableDiffusionXL:
    """The base model whose parts `pipe` holds (shared, frozen, in evaluation mode)."""
    networks.freeze((pipe.vae, pipe.text_encoder, pipe.text_encoder_2, pipe.unet))
    return StableDiffusionXL(
        source=source,
        licence=licence_of(source),
        tokenizer=pipe.tokenizer,
        tokenizer_2=pipe.tokenizer_2,
        text_encoder=pipe.text_encoder,
        text_encoder_2=pipe.text_encoder_2,
        vae=pipe.vae,
        unet=pipe.unet,
        noise_scheduler=DDPMScheduler.from_config(pipe.scheduler.config),
        inference_scheduler=pipe.scheduler,
        zeros_for_no_prompt=bool(pipe.config.force_zeros_for_empty_prompt),
    )
