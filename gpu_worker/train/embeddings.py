"""Embeddings of a lesson's prompts: encoded once where nothing that makes them learns, else at every train step.

What the text encoders are, and how they encode, is the base model's.
"""

from collections.abc import Sequence

import torch

from gpu_worker.base_models.family import BaseModel, Conditioning

AT_ONCE = 16  # prompts: large text encoders need memory for each


class Embeddings:
    """Of all prompts of a lesson, by number; `nothing` is the number of the one that stands for no prompt at all."""

    def __init__(self, base: BaseModel, prompts: Sequence[str], nothing: int | None = None) -> None:
        self._base = base
        self._prompts = prompts
        self._zeros = nothing if base.zeros_for_no_prompt else None  # the number of what is zeros
        self._device = base.denoiser.device
        self._kept: Conditioning | None = None
        self._learning: bool | None = None

    def follow(self, learning: bool) -> None:
        """Say whether anything learns through the embeddings; where nothing does any more, the text encoders leave the
        device.
        """
        if learning == self._learning:
            return
        self._learning = learning
        self._kept = None if learning else self._encode_all()
        for name in self._base.tokenizers:
            self._base.parts[name].to(self._device if learning else "cpu")

    def take(self, which: torch.Tensor) -> Conditioning:
        """Those of the prompts with these numbers, int64 (N,); no prompt is what the base model's pipe takes for it."""
        taken = self._of(which)
        return taken if self._zeros is None else taken.without(which == self._zeros)

    def _of(self, which: torch.Tensor) -> Conditioning:
        if self._kept is not None:
            return self._kept.take(which)
        used, place = which.unique(return_inverse=True)
        return self._base.encode_prompts([self._prompts[number] for number in used.tolist()]).take(place)

    @torch.no_grad()
    def _encode_all(self) -> Conditioning:
        parts = [
            self._base.encode_prompts(self._prompts[start : start + AT_ONCE])
            for start in range(0, len(self._prompts), AT_ONCE)
        ]
        pooled = [part.pooled for part in parts if part.pooled is not None]
        embeds = torch.cat([part.embeds for part in parts]).to(self._device)
        return Conditioning(embeds, torch.cat(pooled).to(self._device) if pooled else None)
