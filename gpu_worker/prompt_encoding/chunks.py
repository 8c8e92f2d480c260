"""Texts of any length in the text encoder's fixed length: 75 tokens a chunk for CLIP, and what pads it.

No network runs here.
"""

from dataclasses import dataclass
from typing import Any

from gpu_worker.prompt_language import Section, Text

BACKTRACK = 20  # tokens after a comma that would rather begin the next chunk than be cut off from each other
COMMA = ",</w>"


@dataclass(frozen=True)
class Chunk:
    """Token ids as the text encoder takes them, start and padding included, and a weight for each."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class _Token:
    id: int
    weight: float


def chunked(text: Text, tokenizer: Any) -> list[Chunk]:
    """At least one chunk. BREAK ends a chunk wherever it is; a full one ends at its last comma, if that is near."""
    length = int(tokenizer.model_max_length) - 2
    comma = tokenizer.get_vocab().get(COMMA)
    chunks: list[list[_Token]] = []
    for section in text:
        chunks += _fill(_tokens(section, tokenizer), length, comma)
    if len(text) > 1 and not chunks[-1]:
        chunks.pop()  # nothing follows the last BREAK
    return [_padded(chunk, length, tokenizer) for chunk in chunks]


def _tokens(section: Section, tokenizer: Any) -> list[_Token]:
    if not section:
        return []
    ids = tokenizer(
        [span.text for span in section], add_special_tokens=False, truncation=False, verbose=False
    ).input_ids
    return [_Token(number, span.weight) for span, numbers in zip(section, ids, strict=True) for number in numbers]


def _fill(tokens: list[_Token], length: int, comma: int | None) -> list[list[_Token]]:
    chunks: list[list[_Token]] = [[]]
    after_comma: int | None = None  # where the words after the chunk's last comma begin
    for token in tokens:
        if len(chunks[-1]) == length:
            moved: list[_Token] = []
            if token.id != comma and after_comma is not None and length - after_comma < BACKTRACK:
                moved = chunks[-1][after_comma:]
                del chunks[-1][after_comma:]
            chunks.append(moved)
            after_comma = None
        chunks[-1].append(token)
        if token.id == comma:
            after_comma = len(chunks[-1])
    return chunks


def _padded(tokens: list[_Token], length: int, tokenizer: Any) -> Chunk:
    left = length - len(tokens)
    ids = (tokenizer.bos_token_id, *(token.id for token in tokens), tokenizer.eos_token_id)
    weights = (1.0, *(token.weight for token in tokens), 1.0)
    return Chunk(ids + (tokenizer.pad_token_id,) * left, weights + (1.0,) * left)
