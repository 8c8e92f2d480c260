"""The prompt language: vectors from the documented rules, limits, and any text at all."""

import json
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gpu_worker.prompt_language import LIMITS, BadPrompt, Limits, Prompt, parse
from gpu_worker.prompt_language.emphasis import read_emphasis
from gpu_worker.prompt_language.scanner import Scanner

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text())
# Pieces that mean something, so that random texts say more than noise.
PIECES = ("(", ")", "[", "]", ":", "|", "\\", "<", ">", " ", ",", "a", "hat", "é", "0.5", "1.3", "7", "-1", "99")
PIECES += ("BREAK", "AND", "<lora:", "\n", "::", "{token}", "🙂")
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
    """One seed, texts of up to 15 pieces; none may raise anything but BadPrompt."""
    chance = random.Random(7)
    for _ in range(1_000_000):
        text = "".join(chance.choices(PIECES, k=chance.randrange(16)))
        try:
            for part in parse(text).parts:
                part.schedule(3)
        except BadPrompt:
            continue


def lines_run(action: Callable[[], object]) -> int:
    """How many lines of the language's code an action runs: time without a clock."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace if "prompt_language" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


FREE = Limits(10**9, 10**9, 10**9, LIMITS.nesting, 10**9, 10**9, 10**9, weight=float("inf"), step=10**9)
HOSTILE = {
    "letters": "a",
    "blanks": " ",
    "opened round": "(a",
    "closed round": "a)",
    "pairs": "(a)",
    "weights": "(a:1)",
    "opened square": "[",
    "closed square": "]",
    "crossing": "([)]",
    "edits": "[a:b:1]",
    "edits left open": "[a:b:",
    "options": "[a|b]",
    "colons": ":",
    "colons and blanks": ": ",
    "bars": "[|",
    "backslashes": "\\",
    "breaks": "BREAK ",
    "nearly breaks": "xBREAK",
    "ands": "AND ",
    "tags": "<lora:a:1>",
    "tags left open": "<lora:a:",
    "nearly tags": "<a",
    "digits": "(a:1111",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_time_is_linear(piece: str) -> None:
    """Twice the text runs twice the lines at most, a twentieth aside; all caps but nesting are off."""

    def read(text: str) -> None:
        read_emphasis(text)
        with suppress(BadPrompt):
            parse(text, limits=FREE).parts[0].schedule(2)

    short, long = (lines_run(partial(read, (piece * length)[:length])) for length in (1000, 2000))
    assert short > 1000
    assert long <= 2.1 * short


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_each_character_is_scanned_once(piece: str) -> None:
    scanner = Scanner(piece * 2000)
    assert "".join(scanner) == scanner.text
    assert scanner.steps <= len(scanner.text)


def test_the_deepest_nesting_is_drawn() -> None:
    deep = "[a:" * 20 + "b" + ":3]" * 20
    assert [each.until for each in parse(deep).parts[0].schedule(10)] == [3, 10]
