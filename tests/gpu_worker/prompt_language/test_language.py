"""The prompt language: vectors from the documented rules, limits, and any text at all."""

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gpu_worker.prompt_language import LIMITS, BadPrompt, Prompt, naming, parse

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text())
# Pieces that mean something, so that random texts say more than noise.
PIECES = (
    *("(", ")", "[", "]", ":", "|", "\\", "<", ">", " ", ",", "a", "hat", "é", "0.5", "1.3", "7", "-1", "99"),
    *("BREAK", "AND", "<lora:", "\n", "::", "{token}", "🙂"),
)
MARKED = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def told(prompt: Prompt, steps: int) -> list[Any]:
    """As the vectors write it."""
    return [
        [
            part.weight,
            [
                [until.until, [[[span.text, span.weight] for span in section] for section in until.text]]
                for until in part.schedule(steps)
            ],
        ]
        for part in prompt.parts
    ]


def numbers_apart(value: Any) -> tuple[Any, list[float]]:
    """The same shape with its floats taken out, so that they compare approximately."""
    found: list[float] = []

    def take(inner: Any) -> Any:
        if isinstance(inner, list):
            return [take(each) for each in inner]
        if isinstance(inner, float):
            found.append(inner)
            return None
        return inner

    return take(value), found


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['rule']}: {vector['prompt']}"[:60])
def test_vector(vector: dict[str, Any]) -> None:
    prompt = parse(vector["prompt"])
    shape, numbers = numbers_apart(told(prompt, vector["steps"]))
    wanted_shape, wanted = numbers_apart(vector["parts"])
    assert shape == wanted_shape
    assert numbers == pytest.approx(wanted, rel=1e-12)
    assert [[lora.name, lora.weight, lora.text_weight] for lora in prompt.loras] == vector["loras"]


def test_known_values() -> None:
    """The example that AUTOMATIC1111's own parser is documented with."""
    (section,) = parse("a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).").parts[0].schedule(1)[0].text
    weights = {span.text.strip(): span.weight for span in section}
    assert weights["house"] == pytest.approx(1.573)
    assert weights["on"] == 1.0
    assert weights["hill"] == pytest.approx(0.55)
    assert weights["sky"] == pytest.approx(1.4641)


def test_there_are_vectors_enough() -> None:
    assert len({vector["prompt"] for vector in VECTORS}) >= 200


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a" * 2001, "prompt_too_long"),
        ("🙂" * 1001, "prompt_too_long"),
        ("()" * 201, "too_many_brackets"),
        ("(" * 21, "nested_too_deep"),
        ("([" * 11, "nested_too_deep"),
        ("a AND " * 8 + "b", "too_many_parts"),
        ("a BREAK " * 17, "too_many_breaks"),
        ("<lora:a:1>" * 9, "too_many_loras"),
        ("(a:10.1)", "weight_out_of_range"),
        ("(a:-11)", "weight_out_of_range"),
        ("(a:" + "9" * 400 + ")", "weight_out_of_range"),
        ("((a:5):5)", "weight_out_of_range"),
        ("[(a:10.5)|b]", "weight_out_of_range"),
        ("a AND b :11", "weight_out_of_range"),
        ("<lora:a:50>", "weight_out_of_range"),
        ("[a:b:10001]", "step_out_of_range"),
        ("[a:b:-1]", "step_out_of_range"),
        ("[a:" + "9" * 400 + "]", "step_out_of_range"),
        ("<hypernet:a:1>", "unknown_tag"),
        ("<lora:../../secrets:1>", "bad_lora"),
        ("<lora:.hidden:1>", "bad_lora"),
        ("<lora:a:much>", "bad_lora"),
        ("<lora:a:1:1:1>", "bad_lora"),
        ("<lora:a:dyn=4>", "bad_lora"),
        (f"<lora:{'a' * 65}:1>", "bad_lora"),
    ],
)
def test_too_much_is_refused(text: str, code: str) -> None:
    with pytest.raises(BadPrompt) as refused:
        parse(text)
    assert refused.value.code == code
    assert len(refused.value.sentence) < 200


def test_a_refusal_names_the_field() -> None:
    with pytest.raises(BadPrompt) as refused, naming("prompts.3"):
        parse("(hat:99)")
    assert refused.value.code == "weight_out_of_range"
    assert refused.value.sentence == "prompts.3: The weight 99 is beyond 10."


def test_what_is_just_allowed() -> None:
    for text in ("a" * 2000, "()" * 200, "(" * 20, "a AND " * 7 + "b", "a BREAK " * 16, "(a:10)", "<lora:a:1>" * 8):
        parse(text)


def test_a_negative_prompt_is_one_and_names_no_lora() -> None:
    (part,) = parse("blurry AND (dull:1.2) :0.5", negative=True).parts
    assert part.weight == 1
    assert [span.text for span in part.schedule(1)[0].text[0]] == ["blurry AND ", "dull", " :0.5"]
    with pytest.raises(BadPrompt, match="lora_in_negative_prompt"):
        parse("blurry <lora:a:1>", negative=True)


def test_a_second_pass_counts_on() -> None:
    """Shares from 1 to 2, and steps beyond the first pass's, belong to the second."""

    def spoken(text: str, first_pass: int) -> list[tuple[int, str]]:
        stretches = parse(text).parts[0].schedule(10, first_pass)
        return [(each.until, "".join(span.text for span in each.text[0])) for each in stretches]

    assert spoken("[a:b:1.5]", 0) == [(10, "a")]
    assert spoken("[a:b:1.5]", 20) == [(5, "a"), (10, "b")]
    assert spoken("[a:b:0.5]", 20) == [(10, "b")]
    assert spoken("[a:b:24]", 20) == [(4, "a"), (10, "b")]


def check(text: str, steps: int) -> None:
    """Whatever is not refused can be drawn: all steps are told, in order, with weights within the limit."""
    try:
        prompt = parse(text)
    except BadPrompt:
        return
    for part in prompt.parts:
        stretches = part.schedule(steps)
        untils = [each.until for each in stretches]
        assert untils == sorted(set(untils))
        assert untils[-1] == steps
        assert all(one.text != two.text for one, two in pairwise(stretches))
        for each in stretches:
            assert len(each.text) <= LIMITS.breaks + 1
            for section in each.text:
                assert all(span.text and abs(span.weight) <= LIMITS.weight for span in section)


@given(st.text(max_size=300) | MARKED, st.integers(1, 60))
@example("[a):(:1]" * 20 + "(b:9)" * 3, 5)
def test_any_text_is_read_or_refused(text: str, steps: int) -> None:
    check(text, steps)


@given(st.text(alphabet=st.characters(exclude_characters="()[]:|\\<"), max_size=80))
def test_text_without_signs_stays_as_it_is(text: str) -> None:
    if "BREAK" in text or "AND" in text:
        return
    stretches = parse(text).parts[0].schedule(20)
    assert [[span.text for span in section] for section in stretches[0].text] == [[text] if text else []]


@given(st.text(max_size=80))
def test_an_escaped_text_is_that_text(text: str) -> None:
    if "BREAK" in text or "AND" in text or "<" in text:
        return
    escaped = "".join(f"\\{each}" if each in "()[]:|\\" else each for each in text)
    (section,) = parse(f"({escaped}:1.5)").parts[0].schedule(3)[0].text
    assert [(span.text, span.weight) for span in section] == ([(text, 1.5)] if text else [])


@pytest.mark.slow
def test_a_million_random_texts() -> None:
    """One seed, texts of up to 7 pieces, each twentieth of up to 59; none may raise anything but BadPrompt."""
    chance = random.Random(7)
    for number in range(1_000_000):
        text = "".join(chance.choices(PIECES, k=chance.randrange(8 if number % 20 else 60)))
        try:
            for part in parse(text).parts:
                part.schedule(3)
        except BadPrompt:
            continue


def test_the_deepest_nesting_is_drawn() -> None:
    deep = "[a:" * 20 + "b" + ":3]" * 20
    assert [each.until for each in parse(deep).parts[0].schedule(10)] == [3, 10]
