"""Candidates outlive an interrupted attempt, and what was chosen is loaded again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gpu_worker.train.candidates import Candidates
from gpu_worker.train.choosing import Candidate
from gpu_worker.train.scores import Scores

SAMPLES = list(np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8))
GOOD = Scores(0.5, 0.5, 0.4, 0.4, 0.0)
BETTER, BEST = replace(GOOD, likeness=0.7), replace(GOOD, likeness=0.9, unmeasured={"adherence": "No words."})


class Weights:
    """One number that training changes."""

    def __init__(self) -> None:
        self.value = torch.zeros(1)

    def save(self, path: Path) -> None:
        save_file({"value": self.value}, path)

    def load(self, path: Path) -> None:
        self.value = load_file(path)["value"]

    def candidates(self, folder: Path, fingerprint: str = "ours", *, few: bool = False) -> Candidates:
        return Candidates(folder, fingerprint, self.save, self.load, few=few)


@pytest.fixture
def weights() -> Weights:
    return Weights()


def add(candidates: Candidates, weights: Weights, step: int, scores: Scores) -> None:
    weights.value = torch.tensor([float(step)])
    candidates.add(step, scores, SAMPLES)


def held(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.safetensors"))


def test_the_best_weights_are_loaded(tmp_path: Path, weights: Weights) -> None:
    candidates = weights.candidates(tmp_path)
    for step, scores in ((1, GOOD), (2, BEST), (3, BETTER)):
        add(candidates, weights, step, scores)
    choice = candidates.take_best()
    assert choice is not None
    assert choice.train_step == 2
    assert weights.value == 2
    assert [row["step"] for row in choice.table] == [1, 2, 3]


def test_a_later_attempt_finds_them_again(tmp_path: Path, weights: Weights) -> None:
    add(weights.candidates(tmp_path), weights, 2, BEST)
    again = weights.candidates(tmp_path)
    assert again.has(2)
    assert not again.has(1)
    assert again.all() == [Candidate(2, BEST)]
    assert np.array_equal(np.stack(again.samples(2)), np.stack(SAMPLES))


def test_another_trainings_are_left_alone(tmp_path: Path, weights: Weights) -> None:
    add(weights.candidates(tmp_path, "theirs"), weights, 2, BEST)
    ours = weights.candidates(tmp_path)
    assert not ours.has(2)
    assert ours.take_best() is None
    assert held(tmp_path) == ["candidate-000002.safetensors"]


def test_one_that_was_not_finished_is_drawn_again(tmp_path: Path, weights: Weights) -> None:
    """Killed while it was written: the record comes last."""
    add(weights.candidates(tmp_path), weights, 2, BEST)
    (tmp_path / "candidate-000002.json").rename(tmp_path / "candidate-000002.json.partial")
    again = weights.candidates(tmp_path)
    assert not again.has(2)
    add(again, weights, 2, BETTER)
    assert again.all() == [Candidate(2, BETTER)]
    assert not list(tmp_path.glob("*.partial"))


def test_of_large_weights_only_the_best_and_the_newest_stay(tmp_path: Path, weights: Weights) -> None:
    candidates = weights.candidates(tmp_path, few=True)
    for step, scores in ((1, BETTER), (2, BEST), (3, GOOD), (4, GOOD)):
        add(candidates, weights, step, scores)
    assert held(tmp_path) == ["candidate-000002.safetensors", "candidate-000004.safetensors"]
    choice = candidates.take_best()
    assert choice is not None
    assert choice.train_step == 2
    assert [(row["step"], row["verdict"]) for row in choice.table] == [
        (1, "beaten"),
        (2, "chosen"),
        (3, "beaten"),
        (4, "dominated"),
    ]
    assert all(candidates.has(step) for step in (1, 2, 3, 4))


def test_an_attempt_that_was_killed_before_tidying_keeps_the_same(tmp_path: Path, weights: Weights) -> None:
    candidates = weights.candidates(tmp_path)
    for step, scores in ((1, BETTER), (2, BEST), (3, GOOD)):
        add(candidates, weights, step, scores)
    weights.candidates(tmp_path, few=True)
    assert held(tmp_path) == ["candidate-000002.safetensors", "candidate-000003.safetensors"]


@pytest.mark.parametrize(
    "broken",
    [
        lambda folder: (folder / "candidate-000002.safetensors").write_bytes(b"short"),
        lambda folder: (folder / "candidate-000002.safetensors").unlink(),
        lambda folder: _told(folder, sha256="0" * 64),
        lambda folder: _told(folder, likeness=7),
        lambda folder: _told(folder, likeness="high"),
        lambda folder: _told(folder, step=3),
        lambda folder: _told(folder, step="2"),
        lambda folder: _told(folder, unmeasured=None),
        lambda folder: (folder / "candidate-000002.json").write_text("{"),
        lambda folder: (folder / "candidate-000002.json").write_text("[" * 100_000),
    ],
)
def test_broken_ones_are_passed_over(tmp_path: Path, weights: Weights, broken: "object") -> None:
    candidates = weights.candidates(tmp_path)
    add(candidates, weights, 1, GOOD)
    add(candidates, weights, 2, BEST)
    assert callable(broken)
    broken(tmp_path)
    choice = weights.candidates(tmp_path).take_best()
    assert choice is not None
    assert choice.train_step == 1
    assert weights.value == 1


def test_weights_that_do_not_fit_are_passed_over(tmp_path: Path, weights: Weights) -> None:
    def refuse(path: Path) -> None:
        raise ValueError("other weights")

    add(weights.candidates(tmp_path), weights, 2, BEST)
    assert Candidates(tmp_path, "ours", weights.save, refuse).take_best() is None


def test_a_broken_picture_is_no_samples(tmp_path: Path, weights: Weights) -> None:
    candidates = weights.candidates(tmp_path)
    add(candidates, weights, 2, BEST)
    (tmp_path / "candidate-000002.png").write_bytes(b"no picture")
    assert candidates.samples(2) == []
    assert candidates.samples(1) == []


def _told(folder: Path, **values: object) -> None:
    file = folder / "candidate-000002.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))
