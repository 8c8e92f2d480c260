"""Chunks: 75 tokens, BREAK, and no cut within words that a comma keeps together."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpu_worker.prompt_encoding import ClipText
from gpu_worker.prompt_encoding.chunks import Chunk, chunked
from gpu_worker.prompt_language import LIMITS, Text, parse

VECTORS = json.loads((Path(__file__).parents[1] / "prompt_language/vectors.json").read_text())


def chunks_of(clip: ClipText, text: str) -> list[Chunk]:
    return chunked(parse(text).parts[0].schedule(1)[0].text, clip.tokenizer)


def words(clip: ClipText, text: str) -> list[str]:
    """What each chunk says, its padding left out."""
    return [clip.tokenizer.decode(chunk.ids, skip_special_tokens=True).strip() for chunk in chunks_of(clip, text)]


def test_a_short_text_is_what_the_tokenizer_makes_of_it(clip_l: ClipText) -> None:
    for text in ("", "hat", "red hat, blue coat", "hat " * 75):
        (chunk,) = chunks_of(clip_l, text)
        assert list(chunk.ids) == clip_l.tokenizer(text, padding="max_length", truncation=True).input_ids
        assert set(chunk.weights) == {1.0}


@pytest.mark.parametrize(("count", "sizes"), [(75, [75]), (76, [75, 1]), (150, [75, 75]), (200, [75, 75, 50])])
def test_a_long_text_goes_on_in_the_next_chunk(clip_l: ClipText, count: int, sizes: list[int]) -> None:
    assert [text.count("hat") for text in words(clip_l, "hat " * count)] == sizes


@pytest.mark.parametrize(
    ("before", "after", "first", "second"),
    [
        (64, 20, 65, 20),  # the comma is token 65: ten words moved, ten came after
        (54, 20, 75, 0),  # all fits
        (55, 20, 56, 20),  # 19 words moved
        (54, 21, 75, 1),  # the comma is 21 tokens from the end: too far
        (73, 20, 74, 20),  # one word moved
        (74, 20, 75, 20),  # the comma is the last: nothing moves
    ],
)
def test_words_after_a_comma_stay_together(clip_l: ClipText, before: int, after: int, first: int, second: int) -> None:
    chunks = chunks_of(clip_l, "hat " * before + "," + " coat" * after)
    counts = [sum(number != clip_l.tokenizer.eos_token_id for number in chunk.ids) - 1 for chunk in chunks]
    assert counts == [first, second][: len(counts)]
    assert sum(counts) == before + 1 + after


def test_a_comma_may_begin_a_chunk(clip_l: ClipText) -> None:
    assert words(clip_l, "hat , " + "coat " * 73 + ", red") == ["hat , " + "coat " * 72 + "coat", ", red"]


def test_break_ends_a_chunk(clip_l: ClipText) -> None:
    assert words(clip_l, "red hat BREAK blue coat") == ["red hat", "blue coat"]
    assert words(clip_l, "BREAK hat") == ["", "hat"]
    assert words(clip_l, "hat BREAK") == ["hat"]
    assert words(clip_l, "hat BREAK BREAK coat") == ["hat", "", "coat"]
    assert words(clip_l, "hat " * 80 + "BREAK coat") == [("hat " * 75).strip(), ("hat " * 5).strip(), "coat"]


def test_each_token_has_its_weight(clip_l: ClipText) -> None:
    (chunk,) = chunks_of(clip_l, "red (blue hat:1.3) [coat]")
    assert chunk.weights[:7] == pytest.approx((1, 1, 1.3, 1.3, 1 / 1.1, 1, 1))
    assert set(chunk.weights[5:]) == {1.0}


def tokens_of(clip: ClipText, text: Text) -> list[tuple[int, float]]:
    """All chunks' tokens with their weights, the special ones left out."""
    special = {clip.tokenizer.bos_token_id, clip.tokenizer.eos_token_id}
    pairs = [zip(chunk.ids, chunk.weights, strict=True) for chunk in chunked(text, clip.tokenizer)]
    return [(number, weight) for of_chunk in pairs for number, weight in of_chunk if number not in special]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['rule']}: {vector['prompt']}"[:60])
def test_each_vector_becomes_tokens_with_its_weights(clip_l: ClipText, vector: dict[str, Any]) -> None:
    """At every stretch of every part."""
    for part, (_, stretches) in zip(parse(vector["prompt"]).parts, vector["parts"], strict=True):
        for told, (_, sections) in zip(part.schedule(vector["steps"]), stretches, strict=True):
            wanted: list[Any] = [
                (number, pytest.approx(weight))
                for words, weight in (span for section in sections for span in section)
                for number in clip_l.tokenizer(words, add_special_tokens=False).input_ids
            ]
            assert tokens_of(clip_l, told.text) == wanted


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.sampled_from(["hat", "red", ",", "(coat:1.2)", "BREAK", "é"]), max_size=150).map(" ".join))
def test_no_token_is_lost(clip_l: ClipText, text: str) -> None:
    if text.count("BREAK") > LIMITS.breaks:
        return
    spans = [span for section in parse(text).parts[0].schedule(1)[0].text for span in section]
    wanted = [number for span in spans for number in clip_l.tokenizer(span.text, add_special_tokens=False).input_ids]
    special = {clip_l.tokenizer.bos_token_id, clip_l.tokenizer.eos_token_id}
    chunks = chunks_of(clip_l, text)
    assert [number for chunk in chunks for number in chunk.ids if number not in special] == wanted
    assert all(len(chunk.ids) == len(chunk.weights) == 77 for chunk in chunks)
