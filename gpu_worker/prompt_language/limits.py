"""How much a prompt may ask for; everything beyond is refused with a sentence. No parsing here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Never

from gpu_worker.errors import BadPrompt


@dataclass(frozen=True)
class Limits:
    """Caps on one prompt. Time and memory grow with these alone."""

    characters: int = 2000  # some 400 tokens of English: six chunks
    bytes: int = 4000  # as UTF-8: no byte makes more than one token
    brackets: int = 200  # opened ones, of both kinds
    nesting: int = 20
    parts: int = 8  # joined by AND; each costs the unet a pass
    breaks: int = 16  # each costs a chunk
    loras: int = 8
    weight: float = 10.0  # beyond, either way, images are noise
    step: int = 10_000  # at which a prompt may be edited


LIMITS = Limits()
# A prompt in which {token} has become an identifier and a noun is longer than the customer's.
FILLED = replace(LIMITS, characters=8000, bytes=10_000)


def refuse(code: str, sentence: str) -> Never:
    """Raise BadPrompt."""
    raise BadPrompt(code, sentence)


@contextmanager
def naming(field: str) -> Iterator[None]:
    """Let each BadPrompt from inside say which of the customer's fields it is about, as `prompts.0`."""
    try:
        yield
    except BadPrompt as refused:
        raise BadPrompt(refused.code, f"{field}: {refused.sentence}") from refused


def check_length(text: str, limits: Limits) -> None:
    """Before anything is parsed. Raises BadPrompt with `prompt_too_long` or `too_many_brackets`."""
    if len(text) > limits.characters:
        refuse("prompt_too_long", f"The prompt has {len(text)} characters; at most {limits.characters} are allowed.")
    size = len(text.encode("utf-8", "replace"))
    if size > limits.bytes:
        refuse("prompt_too_long", f"The prompt has {size} bytes of UTF-8; at most {limits.bytes} are allowed.")
    opened = text.count("(") + text.count("[")
    if opened > limits.brackets:
        refuse("too_many_brackets", f"The prompt opens {opened} brackets; at most {limits.brackets} are allowed.")


def check_count(count: int, most: int, code: str, what: str) -> None:
    """Raise BadPrompt with `code` when there are more than `most` of `what`."""
    if count > most:
        refuse(code, f"The prompt has {count} {what}; at most {most} are allowed.")


def check_weight(weight: float, limits: Limits) -> None:
    """Raise BadPrompt with `weight_out_of_range`; infinite ones are."""
    if not abs(weight) <= limits.weight:
        refuse("weight_out_of_range", f"The weight {weight:g} is beyond {limits.weight:g}.")
