"""Prompts for families that know no emphasis: texts as they stand, one length for all.

Which families those are, they say themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from gpu_worker.base_models.family import Conditioning
from gpu_worker.prompt_encoding import Encoded
from gpu_worker.prompt_language import Text


@dataclass
class PlainPrompts:
    """A PromptEncoder over a family's own `encode_prompts`: what is too long for it is cut off, weights are refused."""

    encode_prompts: Callable[[Sequence[str]], Conditioning]
    weighs: bool = False

    @torch.no_grad()
    def encode(self, texts: Sequence[Text]) -> list[Encoded]:
        """One for each text, in order."""
        told = self.encode_prompts([_plain(text) for text in texts])
        pooled = [None] * len(texts) if told.pooled is None else list(told.pooled)
        return [Encoded(hidden, pooled[number]) for number, hidden in enumerate(told.embeds)]


def _plain(text: Text) -> str:
    return " ".join("".join(span.text for span in section) for section in text)
