"""Prompts take the subject in; styles are all valid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.errors import BadStyle
from gpu_worker.prompts import TOKEN, fill, load_style, style_names

WORDS = st.from_regex(r"[A-Za-z0-9]{1,16}", fullmatch=True)


@pytest.mark.parametrize("name", style_names())
def test_every_style_names_the_subject_in_every_prompt(name: str) -> None:
    style = load_style(name)
    assert style.title
    assert style.base_models
    assert all(TOKEN in prompt.prompt for prompt in style.prompts)


def test_there_are_styles_for_both_families() -> None:
    families = [family for name in style_names() for family in load_style(name).base_models]
    assert min(families.count("pocket"), families.count("stable-diffusion")) >= 4
    assert len(load_style("demo").prompts) == 8


@pytest.mark.parametrize("name", ["nosuch", "", "../secrets", "demo.json"])
def test_unknown_styles_are_refused(name: str) -> None:
    with pytest.raises(BadStyle, match="unknown_style"):
        load_style(name)


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
