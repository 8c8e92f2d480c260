"""The twelve prompts of the quality benchmarks, each with all that it asks for. Nothing is drawn or judged here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gpu_worker.base_models.pocket.people import vocabulary as words

# (garment, its colour, scene, mood, glasses): every scene, every colour, and garments that any class noun wears.
ASKED = (
    ("t-shirt", "red", "beach", "smiling", "none"),
    ("suit", "black", "city", "neutral", "glasses"),
    ("hoodie", "green", "forest", "neutral", "none"),
    ("turtleneck", "white", "snow", "sad", "none"),
    ("shirt", "blue", "office", "smiling", "glasses"),
    ("hoodie", "orange", "space", "surprised", "none"),
    ("t-shirt", "purple", "sunset", "neutral", "sunglasses"),
    ("shirt", "yellow", "tower", "smiling", "none"),
    ("suit", "blue", "grey", "neutral", "none"),
    ("turtleneck", "red", "blue", "neutral", "glasses"),
    ("t-shirt", "black", "snow", "smiling", "sunglasses"),
    ("hoodie", "white", "city", "neutral", "none"),
)
NAMES = ("garment", "garment_colour", "scene", "mood", "glasses")


@dataclass(frozen=True)
class Prompt:
    """`text` holds {token}, where the subject is named; `asked`: attributes in the words of people/vocabulary.py."""

    text: str
    asked: dict[str, str]


def prompts(count: int = len(ASKED)) -> list[Prompt]:
    """The first `count` of them."""
    return [_prompt(dict(zip(NAMES, asked, strict=True))) for asked in ASKED[:count]]


def described(class_noun: str, looks: Mapping[str, str], count: int = len(ASKED)) -> list[Prompt]:
    """The same, with what a customer looks like in words: what a base model does without any training."""
    named = f"a photo of a {class_noun}"
    plain = {"class_noun": class_noun, "freckles": "no"}
    return [
        Prompt(
            words.caption(plain | dict(looks) | prompt.asked).replace(named, "a photo of a {token}", 1), prompt.asked
        )
        for prompt in prompts(count)
    ]


def _prompt(asked: dict[str, str]) -> Prompt:
    """In the words and the order of the drawings' captions, which pocket was taught by."""
    looks = "" if asked["glasses"] == "none" else f" with {asked['glasses']}"
    return Prompt(", ".join(["a photo of a {token}" + looks, *words.surroundings(asked)]), asked)
