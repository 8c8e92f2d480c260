"""Prompts take the subject in; styles are all valid."""

import io
import json
import re
from importlib import resources
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from gpu_worker.base_models.pocket.words import WORDS as POCKETS_WORDS
from gpu_worker.errors import BadStyle
from gpu_worker.prompts import TOKEN, Category, Family, Style, StyleFile, fill, load_style, style_file, style_names

CATALOGUE = resources.files("gpu_worker") / "styles"
BY_FAMILY = [(name, family) for name in style_names() for family in style_file(name).base_models]
ORIGINAL = {"eiffel-tower", "kremlin", "rome", "professional", "cannes", "fantasy", "caricature"}
# Subjects are adults, and images go to strangers' screens.
UNWANTED = re.compile(r"\b(boy|girl|child|kid|teen|baby|school|nude|naked|lingerie|sexy|underwear|blood|gun)", re.I)
WORDS = st.from_regex(r"[A-Za-z0-9]{1,16}", fullmatch=True)


@pytest.mark.parametrize(("name", "family"), BY_FAMILY)
def test_every_style_names_the_subject_in_every_prompt(name: str, family: Family) -> None:
    style = load_style(name, family)
    texts = [prompt.prompt for prompt in style.prompts]
    assert all(TOKEN in text and not UNWANTED.search(text) for text in texts)
    assert len(set(texts)) == len(texts)


def test_the_catalogue_holds_what_people_know_and_more() -> None:
    families = [family for _, family in BY_FAMILY]
    assert set(style_names()) > ORIGINAL
    assert len(style_names()) >= 27
    assert min(families.count("pocket"), families.count("stable-diffusion")) >= 10
    assert {style_file(name).category for name in style_names()} == set(get_args(Category))
    assert len(load_style("demo").prompts) == 8


def test_every_style_is_one_of_its_own() -> None:
    styles = [load_style(name, family) for name, family in BY_FAMILY]
    prompts = [prompt.prompt for style in styles for prompt in style.prompts]
    assert len({style.title for style in styles}) == len({style.description for style in styles}) == len(style_names())
    assert len(set(prompts)) >= 0.9 * len(prompts)  # pocket's words are few


@pytest.mark.parametrize("name", [name for name, family in BY_FAMILY if family == "pocket"])
def test_pocket_is_told_words_that_it_knows(name: str) -> None:
    for prompt in load_style(name, "pocket").prompts:
        words = re.findall(r"[a-z]+", prompt.prompt.replace(TOKEN, ""))
        assert set(words) <= set(POCKETS_WORDS), prompt.prompt


@pytest.mark.parametrize("name", [name for name, family in BY_FAMILY if family == "stable-diffusion"])
def test_what_nobody_wants_to_see_is_kept_out(name: str) -> None:
    negative = load_style(name, "stable-diffusion").negative_prompt
    assert all(word in negative for word in ("nude", "child", "watermark"))


def test_every_style_of_pocket_has_a_small_preview_and_no_other_has() -> None:
    previews = {file.name: file.read_bytes() for file in (CATALOGUE / "previews").iterdir()}
    assert set(previews) == {f"{name}.jpg" for name, family in BY_FAMILY if family == "pocket"}
    for content in previews.values():
        assert len(content) <= 12_000
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == "JPEG"
            assert max(image.size) <= 384


@pytest.mark.parametrize("name", ["nosuch", "", "../secrets", "demo.json", "previews"])
def test_unknown_styles_are_refused(name: str) -> None:
    with pytest.raises(BadStyle, match="unknown_style"):
        load_style(name)


def test_a_style_is_drawn_as_its_family_does_it() -> None:
    pocket, stable = load_style("professional", "pocket"), load_style("professional", "stable-diffusion")
    assert pocket.base_models == stable.base_models == ("pocket", "stable-diffusion")
    assert (pocket.guidance_scale, pocket.sampler, stable.sampler) == (4.0, None, "dpm++ 2m karras")
    with pytest.raises(BadStyle, match="unsuited_style"):
        load_style("kremlin", "pocket")


def test_seeds_are_the_jobs_or_the_same_for_every_prompt() -> None:
    for name, expected in (("demo", [0, 1, 2, 3, 4, 5]), ("expressions", [0, 1, 0, 1, 0, 1])):
        style: Style = load_style(name)
        assert [style.seed_offset(number, 2) for number in range(6)] == expected


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"description": "no sentence"},
        {"category": "misc"},
        {"seeds": "random"},
        {"base_models": {}},
        {"base_models": {"dalle": {"prompts": [{"prompt": "{token}"}]}}},
        {"colour": "red"},
        {"prompts": []},
        {"prompts": [{"prompt": "a hat"}]},
        {"prompts": [{"prompt": "{token} (hat:99)"}]},
        {"negative_prompt": "<lora:film:1>"},
        {"sampler": "heun"},
        {"num_inference_steps": 0},
        {"guidance_scale": 30},
        {"width": 100},
        {"height": 2048},
    ],
)
def test_a_style_file_with_a_mistake_is_refused(change: dict[str, Any]) -> None:
    told = json.loads((CATALOGUE / "demo.json").read_text())
    StyleFile.model_validate(told)
    whole = change.keys() & {"title", "description", "category", "seeds", "base_models", "colour"}
    (told if whole else told["base_models"]["pocket"]).update(change)
    with pytest.raises(ValidationError):
        StyleFile.model_validate(told)


def test_fill() -> None:
    assert fill("a photo of a {token}, smiling", "sks", "man") == "a photo of a sks man, smiling"
    assert fill("a photo of a {token}, smiling", "", "man") == "a photo of a man, smiling"
    assert fill("a {identifier} {class_noun}", "", "man") == "a man"


@given(st.text(), WORDS, WORDS)
def test_only_our_three_names_are_filled(text: str, identifier: str, class_noun: str) -> None:
    """Whatever braces a customer writes, nothing else is looked up and nothing raises."""
    held = {"{token}": "", "{identifier}": "", "{class_noun}": ""}
    if not any(name in text for name in held):
        assert fill(text, identifier, class_noun) == text
    assert fill("{token.__class__} {0} {", identifier, class_noun) == "{token.__class__} {0} {"


@given(st.text(alphabet=st.characters(exclude_characters="{}")), WORDS, WORDS)
def test_the_token_becomes_identifier_and_noun(text: str, identifier: str, class_noun: str) -> None:
    assert fill(text + "{token}" + text, identifier, class_noun) == f"{text}{identifier} {class_noun}{text}"


@given(WORDS)
def test_a_filled_value_is_not_filled_again(noun: str) -> None:
    assert fill("{token}", "{class_noun}", noun) == "{class_noun} " + noun
