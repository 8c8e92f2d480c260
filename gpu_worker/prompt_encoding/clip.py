"""CLIP text encoders as Stable Diffusion uses them: one (1.x, 2.x, pocket), or CLIP-L beside bigG (SDXL).

Which texts are wanted when is the caller's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from gpu_worker.prompt_encoding.chunks import Chunk, chunked
from gpu_worker.prompt_language import Text

# A mean smaller than this share of the values' size is an accident of rounding: nothing to restore.
MEANINGFUL = 1e-3


@dataclass(frozen=True)
class Encoded:
    """What the unet reads of one text: `hidden`, float (tokens, width), and for SDXL `pooled`, float (width,)."""

    hidden: torch.Tensor
    pooled: torch.Tensor | None = None


class PromptEncoder(Protocol):
    """Texts to embeddings, for one family of base models."""

    @property
    def weighs(self) -> bool:
        """Whether emphasis means anything to it."""
        ...

    def encode(self, texts: Sequence[Text]) -> list[Encoded]:
        """One for each text, in order; all chunks go through the network together."""
        ...


@dataclass
class ClipText:
    """One CLIP text encoder with its tokenizer.

    `layer` None takes the last hidden state, normed; -2, as SDXL does, the layer before, as it is. `pools` says
    that the network projects a pooled output (CLIPTextModelWithProjection).
    """

    tokenizer: Any
    text_encoder: Any
    layer: int | None = None
    pools: bool = False
    weighs: bool = True

    @torch.no_grad()
    def encode(self, texts: Sequence[Text]) -> list[Encoded]:
        """Hidden states of each text's chunks, one after the other; pooled is the first chunk's."""
        chunks = [chunked(text, self.tokenizer) for text in texts]
        hidden, pooled = self._run([chunk for of_text in chunks for chunk in of_text])
        told, start = [], 0
        for of_text in chunks:
            rows = hidden[start : start + len(of_text)]
            told.append(Encoded(rows.flatten(0, 1), None if pooled is None else pooled[start]))
            start += len(of_text)
        return told

    def _run(self, chunks: Sequence[Chunk]) -> tuple[torch.Tensor, torch.Tensor | None]:
        ids = torch.tensor([chunk.ids for chunk in chunks], device=self.text_encoder.device)
        out = self.text_encoder(ids, attention_mask=None, output_hidden_states=self.layer is not None)
        hidden = out.last_hidden_state if self.layer is None else out.hidden_states[self.layer]
        pooled = out.text_embeds if self.pools else None
        weighed = [_emphasized(row, chunk.weights) for row, chunk in zip(hidden, chunks, strict=True)]
        return torch.stack(weighed), pooled


@dataclass
class TwoClips:
    """CLIP-L beside bigG: hidden states side by side, pooled from the second, as SDXL was trained.

    Podell et al., 2023, section 2.1.
    """

    first: ClipText
    second: ClipText

    @property
    def weighs(self) -> bool:
        """Both do or none."""
        return self.first.weighs and self.second.weighs

    def encode(self, texts: Sequence[Text]) -> list[Encoded]:
        """Hidden states (tokens, width + width). Both tokenizers must cut alike, as SDXL's do."""
        pairs = zip(self.first.encode(texts), self.second.encode(texts), strict=True)
        return [Encoded(torch.cat([one.hidden, two.hidden], dim=-1), two.pooled) for one, two in pairs]


def _emphasized(hidden: torch.Tensor, weights: Sequence[float]) -> torch.Tensor:
    """A chunk's hidden states (tokens, width), each token's times its weight, then scaled to their former mean.

    The mean is the chunk's own, so that an image does not depend on those drawn beside it.
    """
    if all(weight == 1 for weight in weights):
        return hidden
    before = hidden.float()
    after = before * torch.tensor(weights, device=hidden.device)[:, None]
    means = torch.stack([before.mean(), after.mean()])
    if (means.abs() > MEANINGFUL * before.square().mean().sqrt()).all():
        after = after * (means[0] / means[1])
    return after.to(hidden.dtype)
