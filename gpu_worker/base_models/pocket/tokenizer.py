"""Pocket's tokenizer: a real CLIPTokenizer whose merges make each word of our captions one token.

Words it was not told still encode, byte by byte. No network lives here.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from transformers import CLIPTokenizer

# The longest caption is 39 tokens; the rest is room for an identifier and a word more.
MAX_LENGTH = 48
START, END = "<|startoftext|>", "<|endoftext|>"
END_OF_WORD = "</w>"
# Reserved rare words: never in a caption, so DreamBooth may give them a meaning.
IDENTIFIERS = ("sks", "zwx", "ohwx", "qzj", "vrk", "xyk", "bnk", "zqp")


def build_tokenizer(words: list[str], folder: Path) -> Any:
    """Write vocab.json and merges.txt into `folder` and open them; every one of `words` becomes one token."""
    merges = _merges([*IDENTIFIERS, *words])
    symbols = _byte_symbols()
    tokens = [*symbols, *(s + END_OF_WORD for s in symbols), *("".join(m) for m in merges), START, END]
    folder.mkdir(parents=True, exist_ok=True)
    vocab = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(m) for m in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    tokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=MAX_LENGTH, pad_token=END)
    tokenizer.save_pretrained(folder)
    return CLIPTokenizer.from_pretrained(folder)


def _merges(words: list[str]) -> list[tuple[str, str]]:
    """Byte-pair merges that reduce each word to one token.

    A later merge ranks lower than all earlier ones, and an earlier word always has an earlier merge left
    until it is whole, so no new word can break an old one.
    """
    merges: list[tuple[str, str]] = []
    rank: dict[tuple[str, str], int] = {}
    for word in dict.fromkeys(w.lower() for w in words):
        parts = _split(word, rank)
        while len(parts) > 1:
            pair = (parts[0], parts[1])
            rank[pair] = len(merges)
            merges.append(pair)
            parts = _split(word, rank)
    return merges


def _split(word: str, rank: dict[tuple[str, str], int]) -> list[str]:
    """What byte-pair encoding with the merges so far makes of `word` (plain ASCII)."""
    parts = [*word[:-1], word[-1] + END_OF_WORD]
    while True:
        known = [(rank[p], i) for i, p in enumerate(pairwise(parts)) if p in rank]
        if not known:
            return parts
        _, at = min(known)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


def _byte_symbols() -> list[str]:
    """One printable character per byte, as CLIP's byte-level encoding writes them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + n) for n in range(len(others))]
