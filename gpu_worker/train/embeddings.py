"""Embeddings of a lesson's prompts: encoded once where nothing that makes them learns, else at every train step.

What the text encoders are, and how they encode, is the base model's.
"""

from collections.abc import Sequence

import torch

from gpu_worker.base_models.family import BaseModel, Conditioning
from gpu_worker.train.latents import in_batches

AT_ONCE = 16  # prompts: large text encoders need memory for each


class Embeddings:
    """Of all prompts of a lesson, by number; `nothing` is the number of the one that stands for no prompt at all."""

    def __init__(self, base: BaseModel, prompts: Sequence[str], nothing: int | None = None) -> None:
        self._base = base
        self._prompts = prompts
        self._zeros = nothing if base.zeros_for_no_prompt else None  # the number of what is zeros
        self._device = base.denoiser.device
        self._frozen: torch.Tensor | None = None  # of all prompts, while other text encoders learn
        self._kept: Conditioning | None = None
        self._learning: bool | None = None

    def follow(self, learning: bool) -> None:
        """Say whether anything learns through the embeddings; text encoders that cannot, or do not any more, leave the
        device.
        """
        if learning == self._learning:
            return
        self._learning = learning
        if learning:
            self._frozen = self._encode_frozen()
            self._kept = None
        else:
            self._kept = self._encode_all()
            self._frozen = None
        for name in self._base.tokenizers:
            learns = learning and name in self._base.lora_targets
            self._base.parts[name].to(self._device if learns else "cpu")

    def take(self, which: torch.Tensor) -> Conditioning:
        """Those of the prompts with these numbers, int64 (N,); no prompt is what the base model's pipe takes for it."""
        taken = self._of(which)
        return taken if self._zeros is None else taken.without(which == self._zeros)

    def _of(self, which: torch.Tensor) -> Conditioning:
        if self._kept is not None:
            return self._kept.take(which)
        used, place = which.unique(return_inverse=True)
        return self._encode(used.tolist()).take(place)

    def _encode(self, numbers: list[int]) -> Conditioning:
        prompts = [self._prompts[number] for number in numbers]
        if self._frozen is None:
            return self._base.encode_prompts(prompts)
        return self._base.encode_prompts(prompts, self._frozen[numbers])

    @torch.no_grad()
    def _encode_all(self) -> Conditioning:
        parts = [self._encode(numbers) for numbers in in_batches(range(len(self._prompts)), AT_ONCE)]
        pooled = [part.pooled for part in parts if part.pooled is not None]
        embeds = torch.cat([part.embeds for part in parts]).to(self._device)
        return Conditioning(embeds, torch.cat(pooled).to(self._device) if pooled else None)

    @torch.no_grad()
    def _encode_frozen(self) -> torch.Tensor | None:
        parts = [self._base.encode_frozen(prompts) for prompts in in_batches(self._prompts, AT_ONCE)]
        held = [part.to(self._device) for part in parts if part is not None]
        return torch.cat(held) if held else None
