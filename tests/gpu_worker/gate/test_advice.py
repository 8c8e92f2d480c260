"""The sentence about a set says what the verdicts say."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_worker.gate.advice import NUMBERS, REFUSED, number
from gpu_worker.gate.findings import PHOTO
from gpu_worker.gate.photo import Verdict
from gpu_worker.gate.photo_set import SetLimits, SetVerdict, judge_set
from tests.gpu_worker.gate.verdicts import made_up

HARD = sorted(code for code, (refuses, _, _) in PHOTO.items() if refuses)


def of(good: int, *refused: str) -> list[Verdict]:
    """Photos of one person, and refused ones after them."""
    codes = [""] * good + list(refused)
    return [made_up(place, refused=code) for place, code in enumerate(codes, 1)]


def advice(good: int, *refused: str, limits: SetLimits | None = None) -> str:
    return judge_set(of(good, *refused), limits or SetLimits()).advice


@pytest.mark.parametrize(
    ("good", "refused", "told"),
    [
        (5, (), "Your photos are good to go."),
        (5, ("no_face",), "One of your six photos is without a face; the other five are fine."),
        (
            5,
            ("no_face", "blurry", "too_dark"),
            "Three of your eight photos cannot be used, one of them without a face; the other five are fine.",
        ),
        (
            4,
            ("blurry", "too_dark", "too_dark"),
            "Three of your seven photos cannot be used, two of them too dark; the other four are fine.",
        ),
        (2, (), "Add two more good photos."),
        (3, (), "Add one more good photo."),
        (3, ("blurry",), "One of your four photos is blurred; add one good one."),
        (2, ("near_duplicate",) * 3, "Three of your five photos are nearly the same as others; add two with another"),
        (0, ("no_face",), "Your photo is without a face; add four good ones."),
        (0, ("no_face", "no_face"), "Both of your photos are without a face; add four good ones."),
        (0, ("no_face", "blurry", "blurry"), "All three of your photos cannot be used, two of them blurred; add four"),
    ],
)
def test_the_sentence_counts_names_the_reason_and_says_what_to_do(good: int, refused: tuple[str], told: str) -> None:
    assert advice(good, *refused).startswith(told)


def test_one_photo_is_spoken_of_as_one() -> None:
    one = SetLimits(min_photos=1)
    assert advice(1, limits=one) == "Your photo is good to go."
    assert advice(1, "blurry", limits=one) == "One of your two photos is blurred; the other one is fine."


def test_where_no_more_photos_are_taken_others_are_asked_for() -> None:
    limits = SetLimits(min_photos=4, max_photos=5)
    assert advice(3, "blurry", "blurry", limits=limits) == (
        "Two of your five photos are blurred; send one good one instead."
    )
    assert advice(6, limits=limits) == "Leave out one of your six photos."


def test_what_refuses_the_set_comes_first() -> None:
    identities = np.eye(128, dtype=np.float32)
    photos = [made_up(place, identities[place % 2]) for place in range(1, 5)]
    judgement = judge_set([*photos, made_up(5, refused="no_face")], SetLimits())
    assert judgement.advice == "Your photos show different people; send at least four of one person."


def test_photos_much_alike_are_advised_on_in_words() -> None:
    photos = [
        Verdict(**(vars(made_up(place)) | {"scores": made_up(1).scores | {"blur": 0.5}})) for place in range(1, 7)
    ]
    judgement = judge_set([*photos, made_up(7, refused="blurry")], SetLimits())
    assert [found.code for found in judgement.findings][:2] == ["same_pose", "same_light"]
    assert judgement.advice == "One of your seven photos is blurred; add two with another pose and other light."
    assert (
        judge_set(photos, SetLimits()).advice
        == "Your photos are much alike; add two with another pose and other light."
    )


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 8), st.lists(st.sampled_from(HARD), max_size=8), st.integers(1, 6), st.integers(6, 14))
def test_the_numbers_add_up(good: int, refused: list[str], least: int, most: int) -> None:
    if good + len(refused) == 0:
        return
    judgement = judge_set(of(good, *refused), SetLimits(min_photos=least, max_photos=most))
    sentence = judgement.advice
    assert sentence.endswith(".")
    assert sentence.count(".") == 1
    total = len(judgement.photos)
    assert len(judgement.good) == good
    for phrase, count in counted(sentence).items():
        assert count == truth(judgement, least, most)[phrase], sentence
    assert ("good to go" in sentence) <= (judgement.accepted and good == total)
    assert ("fine" in sentence or "good to go" in sentence) <= judgement.accepted


def truth(judgement: SetVerdict, least: int, most: int) -> dict[str, int]:
    good, total = len(judgement.good), len(judgement.photos)
    first = [
        next(found.code for found in photo.findings if found.hard) for photo in judgement.photos if not photo.accepted
    ]
    return {
        "of all": total,
        "refused": total - good,
        "surplus": total - most,
        "of them": max((first.count(code) for code in first), default=0),
        "others": good,
        "missing": least - good,
    }


def counted(sentence: str) -> dict[str, int]:
    """Every number that the sentence tells, by what it counts."""
    word = "(" + "|".join([*NUMBERS, r"\d+"]) + ")"
    patterns = {
        "of all": rf"(?:of your|all) {word} (?:of your )?photos",
        "refused": rf"^{word} of your",
        "surplus": rf"^leave out {word} of",
        "of them": rf"{word} of them",
        "others": rf"the other {word} (?:is|are)",
        "missing": rf"(?:add|send) {word} ",
    }
    text = re.sub("good ones?", "good", sentence.lower())
    found = {name: re.search(pattern, text) for name, pattern in patterns.items()}
    told = {name: value(match.group(1)) for name, match in found.items() if match}
    assert len(told) == len(re.findall(rf"\b{word}\b", text)), sentence
    return told


def value(word: str) -> int:
    return NUMBERS.index(word) if word in NUMBERS else int(word)


def test_numbers_are_words_up_to_twelve() -> None:
    assert [number(count) for count in (0, 1, 12, 13)] == ["none", "one", "twelve", "13"]


@pytest.mark.parametrize("code", HARD)
def test_every_reason_of_refusal_has_its_words(code: str) -> None:
    assert code in REFUSED
