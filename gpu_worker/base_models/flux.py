"""FLUX.1: flow matching, a transformer that reads T5 and CLIP's pooled embedding, latents in packets of 2 x 2.

Black Forest Labs, 2024; the loss is that of Esser et al., arXiv 2403.03206. No training loop and no sampler settings
here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline

from gpu_worker.base_models import networks
from gpu_worker.base_models.family import PLAIN_LOSS, Conditioning, Licence, LossRecipe, Precision
from gpu_worker.base_models.licences import licence_of
from gpu_worker.base_models.losses import flow_loss
from gpu_worker.base_models.plain_prompts import PlainPrompts

T5_TOKENS = 512  # the pipe's own
SAMPLE_SIZE = 128  # side of the latents that it was trained on; its config does not say
PACKET = 2
GUIDANCE = 1.0  # `dev` imitates guidance of a given strength; what is learnt of photos is to hold without any
# As diffusers' examples lay LoRA over FLUX: attention and what follows it, of images and of words.
LORA_TARGETS = {
    "transformer": (
        *("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0"),
        *("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj", "attn.to_add_out"),
        *("ff.net.0.proj", "ff.net.2", "ff_context.net.0.proj", "ff_context.net.2"),
    ),
    "text_encoder": ("q_proj", "k_proj", "v_proj", "out_proj"),
}


@dataclass
class Flux:
    """The parts of a FLUX.1 base model; see `family.BaseModel` for shapes and ranges."""

    source: str
    licence: Licence
    tokenizer: Any
    tokenizer_2: Any
    text_encoder: Any  # CLIP-L
    text_encoder_2: Any  # T5
    vae: Any
    transformer: Any
    noise_scheduler: Any
    inference_scheduler: Any
    lora_targets: Mapping[str, tuple[str, ...]] = field(default_factory=LORA_TARGETS.copy)
    zeros_for_no_prompt: bool = False

    @property
    def denoiser(self) -> Any:
        """The transformer."""
        return self.transformer

    @property
    def parts(self) -> Mapping[str, torch.nn.Module]:
        """Four networks."""
        encoders = {"text_encoder": self.text_encoder, "text_encoder_2": self.text_encoder_2}
        return {"transformer": self.transformer, **encoders, "vae": self.vae}

    @property
    def tokenizers(self) -> Mapping[str, Any]:
        """CLIP's and T5's."""
        return {"text_encoder": self.tokenizer, "text_encoder_2": self.tokenizer_2}

    @property
    def resolution(self) -> int:
        """Native side of an image, pixels."""
        return SAMPLE_SIZE * networks.downsampling(self.vae)

    @property
    def side_step(self) -> int:
        """One packet of latents, pixels."""
        return PACKET * networks.downsampling(self.vae)

    def encode_prompts(self, prompts: Sequence[str], frozen: torch.Tensor | None = None) -> Conditioning:
        """T5's states, float (N, 512, width), and CLIP's pooled embedding; keeps their gradients."""
        ids = networks.token_ids(self.tokenizer, prompts)
        pooled = self.text_encoder(ids.to(self.text_encoder.device)).pooler_output
        return Conditioning(self.encode_frozen(prompts) if frozen is None else frozen, pooled)

    def encode_frozen(self, prompts: Sequence[str]) -> torch.Tensor:
        """T5's states, float (N, 512, width)."""
        ids = networks.token_ids(self.tokenizer_2, prompts, T5_TOKENS)
        hidden: torch.Tensor = self.text_encoder_2(ids.to(self.text_encoder_2.device))[0]
        return hidden

    def encode_images(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Scaled latents, float (N, channels, h, w), of images float (N, 3, H, W) in [-1, 1]."""
        return networks.encode_images(self.vae, images, generator)

    def drawn_latents(self, drawn: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Unpacked."""
        packets = networks.downsampling(self.vae) * PACKET
        return _unpacked(drawn, height // packets, width // packets)

    def loss_per_image(
        self,
        latents: torch.Tensor,
        conditioning: Conditioning,
        generator: torch.Generator | None = None,
        weights: torch.Tensor | None = None,
        recipe: LossRecipe = PLAIN_LOSS,
    ) -> torch.Tensor:
        """Squared error of the transformer's velocity at one random share of noise per image, float32 (N,).

        Of `recipe` nothing applies: the shares' density does what min-SNR does, and pure noise is among them.
        Raises RuntimeError for latents of an odd side.
        """
        height, width = (side // PACKET for side in latents.shape[2:])
        told = self._told(conditioning, height, width)
        dtype = networks.dtype_of(self.transformer)

        def predict(noisy: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
            packed = _packed(noisy.to(dtype))
            return _unpacked(self.transformer(packed, timestep=shares, **told)[0], height, width)

        return flow_loss(self.noise_scheduler, predict, latents, height * width, generator, weights)

    def _told(self, conditioning: Conditioning, height: int, width: int) -> dict[str, Any]:
        """What the transformer reads beside latents: prompts, places (0, row, column) of packets, 0 for words."""
        if conditioning.pooled is None:
            raise ValueError("FLUX reads a pooled embedding beside the others")
        dtype, embeds = networks.dtype_of(self.transformer), conditioning.embeds
        places = torch.cartesian_prod(torch.zeros(1), torch.arange(float(height)), torch.arange(float(width)))
        guided = self.transformer.config.guidance_embeds
        return {
            "encoder_hidden_states": embeds.to(dtype),
            "pooled_projections": conditioning.pooled.to(dtype),
            "img_ids": places.to(embeds.device, dtype),
            "txt_ids": torch.zeros(embeds.shape[1], 3, device=embeds.device, dtype=dtype),
            "guidance": torch.full((len(embeds),), GUIDANCE, device=embeds.device) if guided else None,
            "return_dict": False,
        }

    def save_lora(self, layers: Mapping[str, Mapping[str, torch.Tensor]], folder: Path, **metadata: Any) -> None:
        """One file for both parts; the transformer's names are peft's, as the pipe reads them."""
        FluxPipeline.save_lora_weights(folder, **networks.transformer_lora(layers), **metadata)

    def prompt_encoder(self) -> PlainPrompts:
        """Texts as they stand: T5 knows no emphasis."""
        return PlainPrompts(self.encode_prompts)

    def pipe(self) -> Any:
        """A FluxPipeline over these very parts, ready to generate."""
        pipe: Any = FluxPipeline(
            scheduler=self.inference_scheduler,
            vae=self.vae,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            text_encoder_2=self.text_encoder_2,
            tokenizer_2=self.tokenizer_2,
            transformer=self.transformer,
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe


def load(source: str, *, revision: str | None, device: torch.device | str, dtype: Precision) -> Flux:
    """Open the folder or hub repository `source`; every weight from safetensors. Raises OSError, ValueError."""
    pipe = FluxPipeline.from_pretrained(source, revision=revision, use_safetensors=True, dtype=dtype).to(device)
    for name in ("text_encoder", "text_encoder_2"):
        networks.check_complete(getattr(pipe, name), Path(source) / name)
    return of_pipe(pipe, source)


def of_pipe(pipe: Any, source: str) -> Flux:
    """The base model whose parts `pipe` holds (shared, frozen, in evaluation mode)."""
    base = Flux(
        source=source,
        licence=licence_of(source),
        tokenizer=pipe.tokenizer,
        tokenizer_2=pipe.tokenizer_2,
        text_encoder=pipe.text_encoder,
        text_encoder_2=pipe.text_encoder_2,
        vae=pipe.vae,
        transformer=pipe.transformer,
        noise_scheduler=FlowMatchEulerDiscreteScheduler.from_config(pipe.scheduler.config),
        inference_scheduler=pipe.scheduler,
    )
    networks.freeze(base.parts.values())
    return base


def _packed(latents: torch.Tensor) -> torch.Tensor:
    """(N, c, 2h, 2w) to (N, h w, 4c): each 2 x 2 latents are one token."""
    return torch.nn.functional.pixel_unshuffle(latents, PACKET).flatten(2).transpose(1, 2)


def _unpacked(packed: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(N, h w, 4c) to (N, c, 2h, 2w)."""
    return torch.nn.functional.pixel_shuffle(packed.transpose(1, 2).unflatten(2, (height, width)), PACKET)
