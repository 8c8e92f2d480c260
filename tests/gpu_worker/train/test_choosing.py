"""The choice of a train step: never by likeness alone, whatever order candidates come in, and explained."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.train.choosing import COLLAPSED, MOST_COPIES, WEIGHTS, Candidate, choose, last_train_step
from gpu_worker.train.scores import Scores

SHARES = st.none() | st.integers(0, 20).map(lambda n: n / 20)
SCORES = st.builds(Scores, *[SHARES] * 5)
CANDIDATES = st.lists(SCORES, min_size=1, max_size=6).map(
    lambda scores: [Candidate(25 * (n + 1), each) for n, each in enumerate(scores)]
)
GOOD = Scores(likeness=0.6, adherence=0.6, diversity=0.4, distance=0.4, copying=0.0)


def of(*scores: Scores) -> list[Candidate]:
    return [Candidate(100 * (n + 1), each) for n, each in enumerate(scores)]


def good(**scores: Any) -> Scores:
    return replace(GOOD, **scores)


@given(candidates=CANDIDATES, data=st.data())
def test_the_order_of_candidates_does_not_matter(candidates: list[Candidate], data: st.DataObject) -> None:
    assert choose(candidates) == choose(data.draw(st.permutations(candidates)))


@given(candidates=CANDIDATES, worse=st.integers(1, 3000), data=st.data())
def test_who_is_worse_in_everything_is_never_chosen(
    candidates: list[Candidate], worse: int, data: st.DataObject
) -> None:
    better = data.draw(st.sampled_from(candidates)).scores
    measured = {name: getattr(better, name) for name in WEIGHTS}
    if None in measured.values() or min(measured.values()) <= 0 or any(each.train_step == worse for each in candidates):
        return
    lower = {name: value - 0.01 for name, value in measured.items()}
    candidates = [*candidates, Candidate(worse, Scores(**lower, copying=max(0.9, better.copying or 0)))]
    assert choose(candidates).train_step != worse


@given(candidates=CANDIDATES)
def test_every_candidate_is_in_the_table_and_one_is_chosen(candidates: list[Candidate]) -> None:
    choice = choose(candidates)
    assert [row["step"] for row in choice.table] == [each.train_step for each in candidates]
    assert [row["step"] for row in choice.table if row["verdict"] == "chosen"] == [choice.train_step]
    assert choice.why.endswith(".")
    assert str(choice.train_step) in choice.why


@given(likeness=st.floats(0, 1), copying=st.floats(MOST_COPIES, 1, exclude_min=True))
def test_who_copies_photos_loses_however_alike(likeness: float, copying: float) -> None:
    copies = good(likeness=1.0, adherence=1.0, copying=copying)
    assert choose(of(copies, good(likeness=likeness))).train_step == 200
    assert choose(of(good(likeness=likeness), copies)).train_step == 100


@given(likeness=st.floats(0, 1))
def test_who_draws_one_image_again_and_again_loses_however_alike(likeness: float) -> None:
    collapsed = good(likeness=1.0, adherence=1.0, diversity=0.39 * COLLAPSED)
    choice = choose(of(good(likeness=likeness), collapsed))
    assert choice.train_step == 100
    assert "200 (its samples are all alike" in choice.why


def test_more_likeness_does_not_outweigh_all_else() -> None:
    """A late train step: more like the person, and hardly anything that a prompt asks for."""
    assert choose(of(GOOD, good(likeness=0.7, adherence=0.4, diversity=0.3, distance=0.25))).train_step == 100
    assert choose(of(GOOD, good(likeness=0.8, adherence=0.55, diversity=0.38, distance=0.36))).train_step == 200


def test_the_earlier_train_step_wins_a_tie() -> None:
    choice = choose(of(good(likeness=0.61, adherence=0.59), good(likeness=0.6, adherence=0.6), good(likeness=0.2)))
    assert choice.train_step == 100
    assert "over train step 200" in choice.why
    assert "together the same" in choice.why
    assert "300 (worse or no better in everything)" in choice.why


def test_where_all_copy_the_least_is_chosen() -> None:
    choice = choose(of(good(copying=1.0, likeness=0.9), good(copying=0.5), good(copying=0.75, likeness=0.9)))
    assert choice.train_step == 200
    assert [row["verdict"] for row in choice.table] == ["copies", "chosen", "copies"]
    assert "100 (100% of its samples repeat a photo)" in choice.why


def test_a_score_that_only_one_lacks_counts_nothing() -> None:
    assert choose(of(good(likeness=None), good(likeness=0.1))).train_step == 200


def test_a_score_that_all_lack_is_not_asked_for() -> None:
    choice = choose(of(good(adherence=None), good(adherence=None, likeness=0.7)))
    assert choice.train_step == 200
    assert "adherence" not in choice.why
    assert choice.table[1]["weighted"] == pytest.approx(0.4 * 0.7 + 0.3 * 0.4 + 0.3 * 0.4, abs=0.01)


def test_likeness_is_less_than_half_of_what_was_measured_too() -> None:
    """As with photographs where no network compares images with prompts."""
    lacking: dict[str, Any] = {"adherence": None}
    alike = good(likeness=0.8, diversity=0.25, distance=0.25, **lacking)
    assert choose(of(good(**lacking), alike)).train_step == 100


def test_likeness_alone_chooses_nothing() -> None:
    lacking: dict[str, Any] = {"adherence": None, "diversity": None, "distance": None}
    choice = choose(of(good(likeness=0.9, **lacking), good(likeness=0.6, **lacking)))
    assert choice.train_step == 200
    assert "likeness alone tells who over-fits" in choice.why


def test_without_any_scorer_the_last_train_step_is_taken() -> None:
    blind: dict[str, Any] = {"likeness": None, "adherence": None}
    choice = choose(of(good(**blind), good(**blind, diversity=0.1)))
    assert choice.train_step == 200
    assert choice.why == (
        "The weights of the last train step, 200, were taken, because nothing could tell likeness or adherence."
    )


def test_one_candidate_is_chosen_and_its_numbers_told() -> None:
    assert choose(of(GOOD)).why == (
        "Train step 100 was chosen with likeness 0.60, adherence 0.60, diversity 0.40, distance to photos 0.40, "
        "together 0.54."
    )


def test_where_nothing_was_drawn_that_is_said() -> None:
    choice = last_train_step(300, "no samples were drawn")
    assert choice.train_step == 300
    assert choice.why == "The weights of the last train step, 300, were taken, because no samples were drawn."


def test_none_to_choose_from_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no candidate"):
        choose([])


def test_likeness_is_less_than_half_of_all() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    assert max(WEIGHTS, key=lambda name: WEIGHTS[name]) == "likeness"
    assert WEIGHTS["likeness"] < 0.5
