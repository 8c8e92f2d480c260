"""Training captions: mostly words, sometimes only the noun, sometimes nothing."""

import torch

from gpu_worker.base_models.pocket.prompts import training_caption

SEEN = {
    "class_noun": "man",
    "skin": "tan",
    "hair_style": "short",
    "hair_colour": "red",
    "beard": "goatee",
    "freckles": "no",
    "glasses": "glasses",
    "mood": "smiling",
    "garment": "suit",
    "garment_colour": "blue",
    "scene": "forest",
}


def captions(count: int) -> list[str]:
    generator = torch.Generator().manual_seed(0)
    return [training_caption(SEEN, generator) for _ in range(count)]


def test_some_are_empty_and_some_name_the_noun_alone() -> None:
    written = captions(1000)
    assert 60 < written.count("") < 140
    assert 60 < sum(text in ("a photo of a man", "a photo of a person") for text in written) < 160


def test_prompts_without_identity_are_seen() -> None:
    assert any("hair" not in text and "forest" in text and "suit" in text for text in captions(200))


def test_equal_generators_give_equal_captions() -> None:
    assert captions(50) == captions(50)
