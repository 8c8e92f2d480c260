"""A whole run with made-up results: what is left, the verdict, the page; and shares of what captions ask for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpu_worker.base_models.pocket import WEIGHTS
from tests.benchmarks.people import __main__ as bench
from tests.benchmarks.people import docs
from tests.benchmarks.people.alike import LikenessRate
from tests.benchmarks.people.course import CEILING, PROMPTS, VAE, Course, FaceResults
from tests.benchmarks.people.prompted import shares
from tests.benchmarks.quality_plan import Plan
from tests.benchmarks.quality_recipes import BASE, OURS
from tests.benchmarks.quality_scale import FULL

SEEN = {"side": 64, "threshold": 0.6, "untouched": 0.99, "ceiling": 0.8}
OWN = {"images": 96, "faces": 0.95, "right": 0.9, "hair_colour": 0.9}
IMAGES = {"faces": 0.9, "adherence": 0.8, "diversity": 0.3, "copy_distance": 0.3}
TOLD: dict[str, dict[str, Any]] = {
    VAE: SEEN,
    PROMPTS: OWN,
    CEILING: {"faces": 1.0, "likeness_2": 0.8},
    BASE: IMAGES | {"likeness_2": 0.02, "drift": 0.0},
    OURS: IMAGES | {"likeness_2": 0.5, "drift": 0.1},
}


def made(work: Path) -> Course:
    results = FaceResults(work / "results.jsonl")
    scale = replace(FULL, midway_steps=0)
    return Course(Plan(str(WEIGHTS), "hash", work, scale, results), results, few=False)


def measured(work: Path, **changed: dict[str, Any]) -> Course:
    course = made(work)
    for key in course.left():
        course.results.add(key, TOLD[key.recipe] | changed.get(key.recipe, {}))
    return course


def test_everybody_is_measured_once_and_remembered(tmp_path: Path) -> None:
    recipes = [key.recipe for key in made(tmp_path).left()]
    assert recipes == [VAE, PROMPTS, *[CEILING] * 8, *[BASE] * 8, *[OURS] * 8]
    assert measured(tmp_path).left() == made(tmp_path).left() == []


def test_a_run_that_reached_all_says_so(tmp_path: Path) -> None:
    course = measured(tmp_path)
    line, missed = docs.verdict(course)
    assert missed == []
    assert line == {"bench": "people", "ceiling": 0.8, "base": 0.02, "subject": 0.5, "adherence": 0.8, "drift": 0.1}
    page = docs.write(course, tmp_path).read_text()
    assert "All goals are reached." in page
    assert "| subject | 0.900 (0.900 to 0.900) | 0.500 (0.500 to 0.500) |" in page
    assert "All goals" not in docs.text(measured(tmp_path / "missed", ours={"adherence": 0.6}))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({OURS: {"likeness_2": 0.3}}, "half of the ceiling's"),
        ({BASE: {"likeness_2": 0.2}}, "five times the base model's"),
        ({OURS: {"adherence": 0.6}}, "adherence is 0.6"),
        ({PROMPTS: {"faces": 0.5}}, "faces are found in 0.5"),
        ({PROMPTS: {"right": 0.8}}, "0.8 of what captions ask for"),
    ],
)
def test_each_goal_can_be_missed(tmp_path: Path, changed: dict[str, dict[str, Any]], said: str) -> None:
    _, missed = docs.verdict(measured(tmp_path, **changed))
    assert len(missed) == 1
    assert said in missed[0]


def test_nothing_is_judged_before_all_is_measured(tmp_path: Path) -> None:
    with pytest.raises(LookupError):
        docs.verdict(made(tmp_path))


def test_what_the_eyes_saw_stands_beside_the_laboratorys_scores(tmp_path: Path) -> None:
    course = made(tmp_path)
    course.results.eyes = LikenessRate(64, 0.6)
    course.results.eyes.faces = 0.25
    base = next(key for key in course.left() if key.recipe == BASE)
    course.results.add(base, {"likeness_2": 0.1})
    assert course.results[base]["faces"] == 0.25


def test_the_command_tells_what_is_left_and_stops_in_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["--quick", "--status", "--work", str(tmp_path)])
    assert len(capsys.readouterr().out.splitlines()) == 5
    bench.main(["--quick", "--minutes", "0", "--work", str(tmp_path)])
    assert "stopped after 0 minutes" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_only_what_can_be_seen_is_asked_for() -> None:
    wanted = [{"hair_style": "bald", "hair_colour": "red", "glasses": "none"}]
    wanted += [{"hair_style": "long", "hair_colour": "red", "glasses": "glasses"}]
    seen = [{"hair_style": "bald", "hair_colour": "black", "glasses": "glasses"}] * 2
    everything = {"garment_colour": "red", "scene": "beach", "garment": "suit", "beard": "none", "skin": "pale"}
    told = shares([one | everything for one in seen], [one | everything for one in wanted])
    assert (told["hair_style"], told["hair_colour"], told["glasses"], told["scene"]) == (0.5, 0.0, 0.5, 1.0)
    assert "hat" not in told
