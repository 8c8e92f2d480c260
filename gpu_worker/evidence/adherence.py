"""How well an image shows what its prompt asks for, read off a drawing by the attribute scorer.

Attributes measure adherence, never likeness: whose face it is, is not asked. For photographs see clip_adherence.py.
"""

import re
from typing import Protocol

import numpy as np

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.prompt_language import FILLED, parse
from gpu_worker.score import AttributeScorer, visible

STEPS = 20  # of a prompt that changes on its way, the last step's text is what an image shows
# Moods are left out: the scorer tells 63 % of them on unseen people, and 75 to 100 % of these.
JUDGED = ("garment", "garment_colour", "scene", "glasses", "hair_style", "hair_colour", "beard", "skin")


class Adherence(Protocol):
    """Anything that can tell how much of a prompt an image shows."""

    def score(self, image: np.ndarray, prompt: str) -> float | None:
        """0..1 for an RGB image, uint8 (H, W, 3); None when the prompt asks for nothing that can be judged."""
        ...


class AttributeAdherence:
    """The share of a prompt's attributes that the scorer sees in the image."""

    def __init__(self, scorer: AttributeScorer) -> None:
        self.scorer = scorer

    def score(self, image: np.ndarray, prompt: str) -> float | None:
        wanted = {name: value for name, value in asked(prompt).items() if value in self.scorer.values.get(name, ())}
        wanted = {name: value for name, value in wanted.items() if visible(name, wanted)}
        if not wanted:
            return None
        seen = self.scorer.judge(np.array(image)[None])[0]
        return sum(seen[name] == value for name, value in wanted.items()) / len(wanted)


def plain(prompt: str) -> str:
    """A prompt's words without brackets, weights and LoRAs, as they stand at the last step.

    Raises BadPrompt for what cannot be drawn.
    """
    parts = parse(prompt, limits=FILLED).parts
    texts = [part.schedule(STEPS)[-1].text for part in parts if part.weight > 0]
    sections = ["".join(span.text for span in section if span.weight > 0) for text in texts for section in text]
    return re.sub(r"\s+", " ", " ".join(sections)).strip()


def asked(prompt: str) -> dict[str, str]:
    """What a prompt names, by attribute of JUDGED, in the words of people/vocabulary.py."""
    text = plain(prompt).lower()
    found = {name: match[name] for pattern in PATTERNS if (match := pattern.search(text)) for name in match.groupdict()}
    if striped := STRIPED.search(text):
        found |= {"garment": "striped t-shirt"} | striped.groupdict()
    for scene, phrase in words.SCENES.items():
        if re.search(rf"\b{phrase}\b", text):
            found["scene"] = scene
    if "bald head" in text:
        found["hair_style"] = "bald"
    return {name: value for name, value in found.items() if name in JUDGED and value}


def _any(values: object) -> str:
    assert isinstance(values, dict | tuple)
    return "|".join(sorted((re.escape(value) for value in values if value != "none"), key=len, reverse=True))


_GARMENTS, _COLOURS = _any(words.GARMENTS), _any(words.GARMENT_COLOURS)
_HAIR, _LONG = _any(words.HAIR_COLOURS), "afro|bob|bun"
STRIPED = re.compile(rf"\bstriped (?:(?P<garment_colour>{_COLOURS}) )?t-shirt\b")
PATTERNS = (
    re.compile(rf"(?<![\w-])(?:(?P<garment_colour>{_COLOURS}) )?(?P<garment>{_GARMENTS})(?![\w-])"),
    re.compile(r"\b(?P<glasses>sunglasses|glasses)\b"),
    re.compile(rf"\b(?P<hair_style>bald|buzzed|short|curly|long) (?:(?P<hair_colour>{_HAIR}) )?hair\b"),
    re.compile(rf"\b(?:(?P<hair_colour>{_HAIR}) )?(?P<hair_style>{_LONG})\b"),
    re.compile(rf"\b(?P<beard>{_any(words.BEARDS)})\b"),
    re.compile(rf"\b(?P<skin>{_any(words.SKINS)}) skin\b"),
)
