"""Photos together: one person or several, counts, a warning where they are too much alike."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gpu_worker.gate.photo import Verdict
from gpu_worker.gate.photo_set import SetLimits, judge_set
from tests.gpu_worker.gate.verdicts import DRAWN, alike, codes, hard, judged, made_up, of

FEW = SetLimits(min_photos=1, same_person=DRAWN)


@pytest.fixture(scope="module")
def greta() -> list[Verdict]:
    return of("greta", 2, 3, 4, 5, 6)


@pytest.fixture(scope="module")
def ruby() -> list[Verdict]:
    return of("ruby", 1, 2, 3)


def numbered(photos: Sequence[Verdict]) -> list[Verdict]:
    return [replace(photo, number=number) for number, photo in enumerate(photos, 1)]


def test_a_varied_set_of_one_person_is_good(greta: list[Verdict]) -> None:
    judgement = judge_set(greta, SetLimits(same_person=DRAWN))
    assert judgement.accepted
    assert codes(judgement) == {}
    assert judgement.advice == "Your photos are good to go."
    assert judgement.told()["accepted"] == 5
    assert all(DRAWN < photo.scores["same_person"] < 0.999 for photo in judgement.photos)


@pytest.mark.parametrize(("own", "others"), [(2, 1), (3, 1), (4, 1), (3, 2), (4, 2), (5, 3)])
@pytest.mark.parametrize("strangers_first", [False, True])
def test_strangers_among_a_majority_are_found_and_named(
    greta: list[Verdict], ruby: list[Verdict], own: int, others: int, strangers_first: bool
) -> None:
    halves = [greta[:own], ruby[:others]]
    photos = numbered([*halves[1], *halves[0]] if strangers_first else [*halves[0], *halves[1]])
    first = 1 if strangers_first else own + 1
    judgement = judge_set(photos, FEW)
    assert codes(judgement) == {number: ["other_person"] for number in range(first, first + others)}
    assert judgement.accepted


@pytest.mark.parametrize("half", [1, 2, 3])
def test_two_people_in_equal_halves_refuse_the_set(greta: list[Verdict], ruby: list[Verdict], half: int) -> None:
    judgement = judge_set(numbered([*greta[:half], *ruby[:half]]), FEW)
    assert hard(judgement) == ["other_person"]
    assert not judgement.accepted
    assert codes(judgement) == {}
    assert judgement.advice == "Your photos show different people; send one person's photos."
    named = {1: "photo 1, another in photo 2", 2: "photos 1 and 2, another in photos 3 and 4"}
    named[3] = "photos 1, 2 and 3, another in photos 4, 5 and 6"
    assert judgement.findings[0].sentence == f"Your photos show different people: one in {named[half]}."


def test_a_photo_unlike_one_of_its_own_is_named_with_them(ruby: list[Verdict]) -> None:
    """Greta's first two photos alone would pass for two people; her third joins them."""
    judgement = judge_set(numbered([*of("greta", 1, 2, 3), *ruby]), FEW)
    (found,) = [found for found in judgement.findings if found.hard]
    assert "one in photos 1, 2 and 3, another in photos 4, 5 and 6" in found.sentence


def test_photographs_of_two_people_in_equal_halves_refuse_the_set(
    grace_hopper: Image.Image, astronaut: Image.Image
) -> None:
    photos = [grace_hopper, grace_hopper.resize((300, 352)), astronaut, astronaut.crop((30, 0, 480, 450))]
    limits = SetLimits(min_photos=1, duplicate_bits=0)
    judgement = judge_set([judged(photo, number) for number, photo in enumerate(photos, 1)], limits)
    assert hard(judgement) == ["other_person"]
    assert judge_set(judgement.photos[:2], limits).accepted


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(0, 6), st.floats(0.4, 0.9), st.floats(0.0, 0.2), st.integers(0, 99))
def test_one_person_stays_only_as_the_majority(own: int, others: int, near: float, far: float, order: int) -> None:
    whose = np.random.default_rng(order).permutation(np.repeat([0, 1], [own, others]))
    cosines = np.where(whose[:, None] == whose[None], near, far)
    np.fill_diagonal(cosines, 1)
    photos = [made_up(number, identity) for number, identity in enumerate(alike(cosines), 1)]
    judgement = judge_set(photos, SetLimits(min_photos=1))
    if own == others:
        assert hard(judgement) == ["other_person"]
        return
    strangers = {number for number, person in enumerate(whose, 1) if person == (0 if others > own else 1)}
    assert codes(judgement) == {number: ["other_person"] for number in strangers}
    assert judgement.accepted


def test_one_hard_pose_is_not_another_person() -> None:
    """Each pair alone lies below the limit, the shared identity above."""
    cosines = np.full((5, 5), 0.5)
    cosines[4] = cosines[:, 4] = 0.33
    np.fill_diagonal(cosines, 1)
    judgement = judge_set([made_up(n, identity) for n, identity in enumerate(alike(cosines), 1)], SetLimits())
    assert codes(judgement) == {}
    assert 0.363 < judgement.photos[4].scores["same_person"] < 0.5


def test_one_chance_likeness_does_not_make_two_people_one() -> None:
    cosines = np.kron(np.eye(2), np.full((3, 3), 0.6)) + np.kron(1 - np.eye(2), np.full((3, 3), 0.15))
    cosines[0, 3] = cosines[3, 0] = 0.4
    np.fill_diagonal(cosines, 1)
    judgement = judge_set([made_up(n, identity) for n, identity in enumerate(alike(cosines), 1)], SetLimits())
    assert hard(judgement) == ["other_person"]


def test_no_two_photos_of_one_person_name_them_all() -> None:
    judgement = judge_set([made_up(n, np.eye(128, dtype=np.float32)[n]) for n in (1, 2, 3)], SetLimits())
    assert hard(judgement) == ["other_person", "too_few_photos"]
    assert "one in photo 1, another in photo 2, another in photo 3." in judgement.findings[0].sentence
    assert judgement.advice == "Your photos show different people; send at least four of one person."


def test_copies_do_not_vote(greta: list[Verdict], ruby: list[Verdict]) -> None:
    """Two photos of one person outvote three copies of another's, and the copies are strangers, not repeats."""
    photos = numbered([*greta[:2], ruby[0], ruby[0], ruby[0]])
    assert codes(judge_set(photos, FEW)) == {number: ["other_person"] for number in (3, 4, 5)}


def test_too_few_good_photos_refuse_the_set(greta: list[Verdict]) -> None:
    dark = [judged(Image.new("RGB", (300, 300)), number) for number in (6, 7)]
    judgement = judge_set([*greta[:3], *dark], SetLimits(same_person=DRAWN))
    assert not judgement.accepted
    assert hard(judgement) == ["too_few_photos"]
    assert judgement.advice == "Two of your five photos are without a face; add one good one."


def test_the_least_and_the_greatest_number_are_settable(greta: list[Verdict]) -> None:
    assert judge_set(greta[:1], SetLimits(min_photos=1)).accepted
    assert hard(judge_set(greta, SetLimits(max_photos=4, same_person=DRAWN))) == ["too_many_photos"]


def test_a_set_from_one_sofa_is_warned(grace_hopper: Image.Image) -> None:
    pixels = np.asarray(grace_hopper)
    photos = [
        judged(Image.fromarray((pixels * share).astype(np.uint8)), number)
        for number, share in enumerate((0.96, 0.98, 1.0), 1)
    ]
    judgement = judge_set(photos, SetLimits(min_photos=1, duplicate_bits=0))
    warned = {found.code: found for found in judgement.findings}
    assert {"same_background", "same_clothes", "same_pose"} <= set(warned)
    assert warned["same_clothes"].advice == "Add two with other clothes."
    assert judgement.accepted
