"""New tokens that a subject brings: the identifier in a prompt becomes embeddings that its training learnt.

Method: textual inversion (Gal et al., arXiv 2208.01618, section 4), several tokens in a row. The base model's own
tokenizer and weights are never written to: what knows the new tokens stands in front of them, and goes again.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load_file

from gpu_worker.errors import BadWeights
from gpu_worker.prompt_encoding import ClipText, PromptEncoder
from gpu_worker.weights import telling_bad_weights

MOST = 8  # tokens


def read_tokens(file: Path) -> torch.Tensor:
    """Embeddings of <s0>, <s1>, … in order, float32 (n, width), of a file in diffusers' textual inversion layout.

    Raises BadWeights for files that are broken, not finite, or hold other names, or tokens of several widths.
    """
    with telling_bad_weights(f"the new tokens {file} do not load"):
        held = load_file(file)
        names = [f"<s{number}>" for number in range(len(held))]
        if not 1 <= len(held) <= MOST or set(held) != set(names):
            raise BadWeights(f"{len(held)} tokens, not <s0> and up to {MOST - 1} that follow")
        rows = [held[name] for name in names]
        if any(row.shape != rows[0].shape or not row.is_floating_point() for row in rows):
            raise BadWeights(f"tokens of shapes {', '.join(str(tuple(row.shape)) for row in rows)}")
        tokens = torch.stack([row.view(row.shape[-1]) for row in rows]).float()  # (width,) or, as diffusers, (1, width)
        if not torch.isfinite(tokens).all():
            raise BadWeights("a token is not finite")
        return tokens


class NewTokens:
    """Room for one subject's tokens in front of a text encoder and its tokenizer."""

    def __init__(self, encoder: PromptEncoder) -> None:
        self._encoder = encoder
        self.worn = False

    def wear(self, identifier: str = "", tokens: torch.Tensor | None = None) -> None:
        """Read `identifier` as `tokens`, float (n, width), from now on; None: as the base model does.

        Raises BadWeights when they do not fit the text encoder; then all is as the base model has it.
        """
        self._take_off()
        if tokens is None:
            return
        if not isinstance(self._encoder, ClipText) or not identifier:
            raise BadWeights("this base model has no room for new tokens, or the subject no identifier")
        clip, words = self._encoder, self._encoder.text_encoder.get_input_embeddings()
        if words.embedding_dim != tokens.shape[1]:
            raise BadWeights(f"its tokens are {tokens.shape[1]} wide, the text encoder's {words.embedding_dim}")
        clip.text_encoder.set_input_embeddings(_Embeddings(words, tokens))
        ids = range(words.num_embeddings, words.num_embeddings + len(tokens))
        clip.tokenizer = _Tokenizer(clip.tokenizer, identifier, ids)
        self.worn = True

    def _take_off(self) -> None:
        if self.worn and isinstance(self._encoder, ClipText):
            clip = self._encoder
            clip.text_encoder.set_input_embeddings(clip.text_encoder.get_input_embeddings().known)
            clip.tokenizer = clip.tokenizer.known
        self.worn = False


class _Embeddings(torch.nn.Module):
    """The text encoder's table, `known`, and behind its last row those of the new tokens."""

    def __init__(self, known: torch.nn.Embedding, tokens: torch.Tensor) -> None:
        super().__init__()
        self.known = known
        self.tokens = tokens.to(known.weight)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """int64 (N, length) to float (N, length, width)."""
        count = self.known.num_embeddings
        is_new = ids >= count
        embedded: torch.Tensor = self.known(ids.clamp(max=count - 1))
        embedded[is_new] = self.tokens[ids[is_new] - count]
        return embedded


class _Tokenizer:
    """The base model's, `known`, but for one word."""

    def __init__(self, known: Any, identifier: str, ids: Sequence[int]) -> None:
        self.known = known
        self._ids = list(ids)
        # A word of its own, in any case: CLIP's tokenizers know no capitals.
        self._word = re.compile(rf"(?<!\w){re.escape(identifier)}(?!\w)", re.IGNORECASE)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.known, name)

    def __call__(self, texts: Sequence[str], **options: Any) -> SimpleNamespace:
        """`input_ids` of each text; `options` must ask for no special tokens."""
        around = [self._word.split(text) for text in texts]
        ids = iter(self.known([piece for pieces in around for piece in pieces], **options).input_ids)
        return SimpleNamespace(input_ids=[self._joined([next(ids) for _ in pieces]) for pieces in around])

    def _joined(self, pieces: list[list[int]]) -> list[int]:
        joined = [*pieces[0]]
        for piece in pieces[1:]:
            joined += [*self._ids, *piece]
        return joined
