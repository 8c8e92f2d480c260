"""A whole run with made-up scores: what comes next, what is left, the verdict, the page; and runs that were cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.base_models.pocket.people.customers import customer
from tests.benchmarks import quality_customers as customers
from tests.benchmarks import quality_docs, quality_status
from tests.benchmarks.quality import Clock, OutOfTime
from tests.benchmarks.quality_encoder import Lessons
from tests.benchmarks.quality_plan import Plan
from tests.benchmarks.quality_recipes import EXAMPLE, OURS, UNTRAINED
from tests.benchmarks.quality_results import Results
from tests.benchmarks.quality_scale import FULL
from tests.benchmarks.quality_share import Share
from tests.benchmarks.quality_table import verdict

SCORES = {"likeness": 0.6, "likeness_2": 0.4, "adherence": 0.6, "diversity": 0.3, "leakage": 0.2, "copy_distance": 0.3}
BETTER = SCORES | {"likeness": 0.8, "adherence": 0.9, "diversity": 0.4}


def made(work: Path) -> Plan:
    return Plan(str(WEIGHTS), "hash", work, FULL, Results(work / "results.jsonl"))


def score(recipe: str, step: int, last: int) -> dict[str, Any]:
    """Ours is better from half of its train steps on, and drifts less; the example is best after 300."""
    if recipe == OURS:
        scores = BETTER if step >= last / 2 else SCORES | {"likeness": 0.5}
    else:
        scores = SCORES | {"likeness": 0.5} if "@" in recipe and step != 300 else SCORES
    return scores | {"drift": 0.1 if recipe == OURS else 0.3, "train_seconds": 100.0}


def measure_all(plan: Plan, spread: float = 0.0) -> int:
    """Number of trainings; by `spread` the likeness of every other customer is more at the end of ours."""
    for seed in FULL.test:
        for recipe in UNTRAINED:
            plan.results.add(plan.base_key(seed, recipe), SCORES | {"drift": 0.0})
    count = 0
    while training := plan.next_training():
        count += 1
        for step in training.left(plan.results):
            told = score(training.recipe, step, training.steps[-1])
            if training.recipe == OURS and step == training.steps[-1]:
                told |= {"likeness": told["likeness"] + spread * (-1) ** training.customer}
            plan.results.add(training.key(step), told)
    return count


@pytest.fixture
def done(tmp_path: Path) -> Plan:
    plan = made(tmp_path)
    assert measure_all(plan) == 2 * len(FULL.tuning) * len(FULL.factors) + 2 * len(FULL.test)
    return plan


def test_a_run_that_is_done_has_a_verdict_and_nothing_left(done: Plan) -> None:
    line, missed = verdict(done)
    assert missed == []
    assert line["ours"] == {"likeness": 0.8, "adherence": 0.9, "diversity": 0.4, "drift": 0.1}
    assert line["example"]["drift"] == 0.3
    trained = [part for part in quality_status.parts(done) if "of " in part.name]
    assert [part.seconds for part in trained] == [0, 0, 0, 0]


def test_the_share_of_train_steps_is_of_the_examples_own(done: Plan) -> None:
    example = done.example()
    assert example is not None
    assert example[0].steps == (300,)
    assert verdict(done)[0]["steps_to_example_likeness"] == 0.5  # 150 of 300


def test_the_page_tells_all_recipes_and_both_searches(done: Plan) -> None:
    line, missed = verdict(done)
    page = quality_docs.text(done, "a network", line, missed)
    rows = [row for row in page.splitlines() if row.startswith("| ")]
    names = [row.split(" | ")[0] for row in rows if "(" in row]
    assert names[1:7] == ["| photos", "| base", "| base described", "| ours", "| example", "| ours less example"]
    assert "{'" not in page
    assert "0.200 (0.200 to 0.200)" in page


def test_a_goal_that_is_missed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BETTER, "diversity", 0.3)
    plan = made(tmp_path)
    measure_all(plan)
    assert [sentence.split()[0] for sentence in verdict(plan)[1]] == ["diversity"]


def test_a_lead_within_what_customers_differ_by_is_no_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BETTER, "likeness", 0.61)
    plan = made(tmp_path)
    measure_all(plan, spread=0.1)
    missed = [sentence for sentence in verdict(plan)[1] if "likeness" in sentence]
    assert len(missed) == 1
    assert missed[0].endswith("no difference is shown")


def test_before_the_end_there_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="not measured yet"):
        verdict(made(tmp_path))


def test_a_killed_run_goes_on_with_the_training_that_it_lost(tmp_path: Path) -> None:
    plan = made(tmp_path)
    first = plan.next_training()
    assert first is not None
    plan.results.add(first.key(first.steps[0]), SCORES)
    again = made(tmp_path).next_training()
    assert again == first
    assert again.left(made(tmp_path).results) == list(first.steps[1:])


def test_what_is_left_shrinks_and_fits_into_two_hours(tmp_path: Path) -> None:
    plan = made(tmp_path)
    before = sum(part.seconds for part in quality_status.parts(plan))
    assert 3600 < before < 7200
    first = plan.next_training()
    assert first is not None
    for step in first.steps:
        plan.results.add(first.key(step), SCORES)
    parts = quality_status.parts(plan)
    assert sum(part.seconds for part in parts) < before
    assert len(quality_status.told(parts).splitlines()) == len(parts) + 1


def test_other_defaults_are_measured_anew(done: Plan) -> None:
    other = Plan(done.base_model, "another base model", done.work, FULL, done.results)
    assert other.next_training() is not None
    assert other.lines(OURS) is None
    assert other.lines(EXAMPLE) is None


def test_two_shares_do_all_of_it_and_the_last_one_tells(tmp_path: Path) -> None:
    plan = made(tmp_path)
    shares = [Share(0, 2), Share(1, 2)]
    for share in shares + shares:
        for key in share.of(plan.untrained):
            if key not in plan.results:
                plan.results.add(key, SCORES | {"drift": 0.0})
        while training := plan.next_training(share):
            for step in training.left(plan.results):
                plan.results.add(training.key(step), score(training.recipe, step, training.steps[-1]))
    assert plan.is_done


def test_the_minutes_end_the_work() -> None:
    Clock(None)(0.5, "train step")
    Clock(1)(0.5, "train step")
    with pytest.raises(OutOfTime):
        Clock(-1)(0.5, "train step")


def test_nobody_stands_on_two_sides() -> None:
    seeds = [*customers.TEST, *customers.TUNING, *customers.ABLATE]
    assert len(set(seeds)) == len(seeds) == 13
    assert min(seeds) > 10_000
    lessons = Lessons(FULL.encoder_people, FULL.encoder_steps, unseen=60)
    assert (lessons.seed + 1) * 1_000_000 < 1_000_000_000  # below every customer


def test_most_photos_are_taken_in_one_room() -> None:
    person = customer(customers.TEST[0])
    shots = customers.photo_shots(person, 8, "office")
    assert sum(shot.scene == "office" for shot in shots) in (6, 7, 8)
    assert len({(shot.garment, shot.garment_colour) for shot in shots}) > 4
