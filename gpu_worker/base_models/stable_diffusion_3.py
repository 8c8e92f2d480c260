"""Stable Diffusion 3 and 3.5: flow matching, and a transformer that reads two CLIPs and, where it is there, T5.

Esser et al., "Scaling Rectified Flow Transformers", arXiv 2403.03206. No training loop and no sampler settings here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, StableDiffusion3Pipeline

from gpu_worker.base_models import networks
from gpu_worker.base_models.family import PLAIN_LOSS, Conditioning, Licence, LossRecipe, Precision
from gpu_worker.base_models.licences import licence_of
from gpu_worker.base_models.losses import flow_loss
from gpu_worker.base_models.plain_prompts import PlainPrompts

T5 = ("text_encoder_3", "tokenizer_3")
T5_TOKENS = 256  # the pipe's own
# As diffusers' examples lay LoRA over SD3: the attention of images and that of words.
OF_CLIP = ("q_proj", "k_proj", "v_proj", "out_proj")
OF_IMAGES = ("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0")
OF_WORDS = ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj", "attn.to_add_out")
LORA_TARGETS = {"transformer": OF_IMAGES + OF_WORDS, "text_encoder": OF_CLIP, "text_encoder_2": OF_CLIP}


@dataclass
class StableDiffusion3:
    """The parts of an SD3 base model; see `family.BaseModel` for shapes and ranges. T5 may be left out."""

    source: str
    licence: Licence
    tokenizer: Any
    tokenizer_2: Any
    tokenizer_3: Any
    text_encoder: Any  # CLIP-L
    text_encoder_2: Any  # OpenCLIP bigG
    text_encoder_3: Any  # T5 or None
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
        """Four networks, or five with T5."""
        encoders = {"text_encoder": self.text_encoder, "text_encoder_2": self.text_encoder_2}
        t5 = {"text_encoder_3": self.text_encoder_3} if self.text_encoder_3 else {}
        return {"transformer": self.transformer, **encoders, **t5, "vae": self.vae}

    @property
    def tokenizers(self) -> Mapping[str, Any]:
        """CLIP's two, and T5's where it is there."""
        clips = {"text_encoder": self.tokenizer, "text_encoder_2": self.tokenizer_2}
        return {**clips, "text_encoder_3": self.tokenizer_3} if self.text_encoder_3 else clips

    @property
    def resolution(self) -> int:
        """Native side of an image, pixels."""
        return int(self.transformer.config.sample_size) * networks.downsampling(self.vae)

    @property
    def side_step(self) -> int:
        """One patch of latents, pixels."""
        return int(self.transformer.config.patch_size) * networks.downsampling(self.vae)

    def encode_prompts(self, prompts: Sequence[str], frozen: torch.Tensor | None = None) -> Conditioning:
        """Both CLIPs' states side by side, widened to T5's and followed by them; both CLIPs' pooled embeddings.

        Section 4; T5's are zeros where it is left out. Keeps gradients of the text encoders.
        """
        length = self.tokenizer.model_max_length
        first, one = networks.penultimate(self.text_encoder, networks.token_ids(self.tokenizer, prompts, length))
        second, two = networks.penultimate(self.text_encoder_2, networks.token_ids(self.tokenizer_2, prompts, length))
        clips = torch.cat([first, second], dim=-1)
        width = int(self.transformer.config.joint_attention_dim)
        clips = torch.nn.functional.pad(clips, (0, width - clips.shape[-1]))
        t5 = self.encode_frozen(prompts) if frozen is None else frozen
        t5 = clips.new_zeros(len(prompts), T5_TOKENS, width) if t5 is None else t5.to(clips)
        return Conditioning(torch.cat([clips, t5], dim=1), torch.cat([one, two], dim=-1))

    def encode_frozen(self, prompts: Sequence[str]) -> torch.Tensor | None:
        """T5's states, float (N, 256, width); None where it is left out."""
        if self.text_encoder_3 is None:
            return None
        ids = networks.token_ids(self.tokenizer_3, prompts, T5_TOKENS)
        hidden: torch.Tensor = self.text_encoder_3(ids.to(self.text_encoder_3.device))[0]
        return hidden

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
        """Squared error of the transformer's velocity at one random share of noise per image, float32 (N,).

        Of `recipe` nothing applies: the shares' density does what min-SNR does, and pure noise is among them.
        """
        if conditioning.pooled is None:
            raise ValueError("SD3 reads a pooled embedding beside the others")
        dtype = networks.dtype_of(self.transformer)
        embeds, pooled = conditioning.embeds.to(dtype), conditioning.pooled.to(dtype)
        steps = int(self.noise_scheduler.config.num_train_timesteps)

        def predict(noisy: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
            velocity: torch.Tensor = self.transformer(
                noisy.to(dtype), embeds, pooled, timestep=steps * shares, return_dict=False
            )[0]
            return velocity

        tokens = latents[0, 0].numel() // int(self.transformer.config.patch_size) ** 2
        return flow_loss(self.noise_scheduler, predict, latents, tokens, generator, weights)

    def save_lora(self, layers: Mapping[str, Mapping[str, torch.Tensor]], folder: Path, **metadata: Any) -> None:
        """One file for all parts; the transformer's names are peft's, as the pipe reads them."""
        StableDiffusion3Pipeline.save_lora_weights(folder, **networks.transformer_lora(layers), **metadata)

    def prompt_encoder(self) -> PlainPrompts:
        """Texts as they stand: T5 knows no emphasis."""
        return PlainPrompts(self.encode_prompts)

    def pipe(self) -> Any:
        """A StableDiffusion3Pipeline over these very parts, ready to generate."""
        pipe: Any = StableDiffusion3Pipeline(
            transformer=self.transformer,
            scheduler=self.inference_scheduler,
            vae=self.vae,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            text_encoder_2=self.text_encoder_2,
            tokenizer_2=self.tokenizer_2,
            text_encoder_3=self.text_encoder_3,
            tokenizer_3=self.tokenizer_3,
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe


def load(source: str, *, revision: str | None, device: torch.device | str, dtype: Precision) -> StableDiffusion3:
    """Open the folder or hub repository `source`; every weight from safetensors. Raises OSError, ValueError."""
    index = StableDiffusion3Pipeline.load_config(source, revision=revision)
    left_out = {name: None for name in T5 if index.get(name, [None])[0] is None}  # diffusers wants to be told
    pipe = StableDiffusion3Pipeline.from_pretrained(
        source, revision=revision, use_safetensors=True, dtype=dtype, **left_out
    ).to(device)
    for name in ("text_encoder", "text_encoder_2", "text_encoder_3"):
        if getattr(pipe, name) is not None:
            networks.check_complete(getattr(pipe, name), Path(source) / name)
    return of_pipe(pipe, source)


def of_pipe(pipe: Any, source: str) -> StableDiffusion3:
    """The base model whose parts `pipe` holds (shared, frozen, in evaluation mode)."""
    base = StableDiffusion3(
        source=source,
        licence=licence_of(source),
        tokenizer=pipe.tokenizer,
        tokenizer_2=pipe.tokenizer_2,
        tokenizer_3=pipe.tokenizer_3,
        text_encoder=pipe.text_encoder,
        text_encoder_2=pipe.text_encoder_2,
        text_encoder_3=pipe.text_encoder_3,
        vae=pipe.vae,
        transformer=pipe.transformer,
        noise_scheduler=FlowMatchEulerDiscreteScheduler.from_config(pipe.scheduler.config),
        inference_scheduler=pipe.scheduler,
    )
    networks.freeze(base.parts.values())
    return base
