"""Words of captions are one token each, anything else still encodes, and the folder keeps it all."""

from pathlib import Path
from typing import Any

import pytest
from transformers import CLIPTokenizer

from gpu_worker.base_models.pocket.people import vocabulary
from gpu_worker.base_models.pocket.tokenizer import END_OF_WORD, IDENTIFIERS, MAX_LENGTH, build_tokenizer
from gpu_worker.base_models.pocket.words import MORE_WORDS, WORDS


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return build_tokenizer([*WORDS, *MORE_WORDS], tmp_path_factory.mktemp("tokenizer"))


@pytest.mark.parametrize("word", [*IDENTIFIERS, "hair", "turtleneck", "beach", "moustache"])
def test_a_known_word_is_one_token(tokenizer: Any, word: str) -> None:
    assert tokenizer.tokenize(word) == [word + END_OF_WORD]


def test_every_word_a_caption_can_hold_is_whole(tokenizer: Any) -> None:
    values = [
        *vocabulary.WHOLE.hair_styles,
        *vocabulary.WHOLE.hats,
        *vocabulary.HAIR_COLOURS,
        *vocabulary.SKINS,
        *vocabulary.BEARDS,
        *vocabulary.GLASSES,
        *vocabulary.WHOLE.garments,
        *vocabulary.GARMENT_COLOURS,
        *vocabulary.SCENES.values(),
        *vocabulary.MORE_SCENES.values(),
        *vocabulary.MOODS,
        *vocabulary.GENDERS,
        "freckles",
    ]
    spoken = [value for value in values if value != "none"]  # captions leave "none" out
    assert [t for value in spoken for t in tokenizer.tokenize(value) if not t.endswith(END_OF_WORD)] == []


def test_more_words_leave_the_first_ones_their_numbers(tokenizer: Any, tmp_path: Path) -> None:
    first = build_tokenizer(list(WORDS), tmp_path)
    text = "a photo of sks man with short red hair, wearing a hoodie, at the beach"
    assert first(text, add_special_tokens=False).input_ids == tokenizer(text, add_special_tokens=False).input_ids


def test_the_longest_caption_fits(tokenizer: Any) -> None:
    seen = {"class_noun": "woman", "skin": "light", "hair_style": "ponytail", "hair_colour": "black"}
    seen |= {"beard": "moustache", "freckles": "yes", "glasses": "sunglasses", "hat": "beanie", "mood": "surprised"}
    seen |= {"garment": "striped t-shirt", "garment_colour": "orange", "scene": "brick"}
    assert len(tokenizer(f"{vocabulary.caption(seen)} sks").input_ids) < MAX_LENGTH


@pytest.mark.parametrize("text", ["an ünknown wörd", "zebra 42", "日本", "emoji 🙂"])
def test_unknown_words_come_back_whole(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert tokenizer.decode(ids).replace(" ", "") == text.replace(" ", "")


def test_saving_and_loading_changes_nothing(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    again: Any = CLIPTokenizer.from_pretrained(tmp_path)
    text = "a photo of zwx woman with a red bob, wearing a t-shirt"
    assert again(text).input_ids == tokenizer(text).input_ids
    assert again.model_max_length == MAX_LENGTH
    assert again.pad_token_id == tokenizer.eos_token_id
