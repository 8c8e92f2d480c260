"""What is packaged of a training in pieces: weights, and the facts and curves of all pieces end to end."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gpu_worker.base_models.pocket.architecture import build_pipe
from gpu_worker.base_models.pocket.loop import Budget, Training, run
from gpu_worker.base_models.pocket.package import hashes, package
from gpu_worker.score import AttributeNetwork, AttributeScorer
from tests.gpu_worker.base_models.pocket.conftest import TINY

VALUES = {"scene": ("beach", "city")}


def trained(folder: Path, *names: str) -> Path:
    """A folder as trainings leave it, after 25 train steps each."""
    build_pipe(1, TINY).save_pretrained(folder / "pipe")
    for name in names:
        training = Training(name, folder, nn.Linear(2, 1), 1e-3, 0.9, seed=0)
        run(training, Budget(25), lambda t=training: t.module(torch.ones(1, 2)).square().mean())
    if "scorer" in names:
        scorer = AttributeScorer(AttributeNetwork(VALUES), VALUES)
        scorer.save(folder / "scorer", {"accuracy_on_unseen_people": {"scene": 0.5}})
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pieces")
    package(trained(folder / "work", "vae", "unet", "scorer"), folder / "weights", drawings=40)
    return folder / "weights"


def facts_of(weights: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((weights / "pocket.json").read_text())
    return told


def test_a_first_piece_tells_what_it_is(first: Path) -> None:
    facts = facts_of(first)
    assert facts["sha256"] == hashes(first)
    assert AttributeScorer.load(first / "scorer").values == VALUES
    assert facts["scorer_accuracy_on_unseen_people"] == {"scene": 0.5}
    assert facts["resolution"] == 32
    assert facts["train_steps"] == {"vae": 25, "unet": 25, "scorer": 25}
    assert [piece["drawings"] for piece in facts["pieces"]] == [40]
    assert "32 px" in (first / "README.md").read_text()
    assert {"loss.png", "sheet.jpg", "scorer", "unet", "vae"} <= {path.name for path in first.iterdir()}
    assert not list(first.parent.glob("*.part"))


def test_a_second_piece_is_joined_to_the_first(first: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(first, weights)
    facts = package(trained(tmp_path / "work", "unet"), weights, drawings=60, piece=2, before=first)
    assert facts == facts_of(weights)
    assert facts["train_steps"] == {"vae": 25, "unet": 50, "scorer": 25}
    assert facts["trained_on"].startswith("100 drawings")
    curve = json.loads((weights / "loss.json").read_text())["unet"]
    assert [step for step, _ in curve] == [20, 25, 45, 50]
    assert not (weights / "scorer").exists()  # the last piece's
    assert facts["scorer_accuracy_on_unseen_people"] is None


@pytest.mark.parametrize("piece", [1, 3])
def test_a_piece_follows_the_one_before_it(first: Path, tmp_path: Path, piece: int) -> None:
    with pytest.raises(ValueError, match=f"piece {piece} cannot follow 1 pieces"):
        package(trained(tmp_path, "unet"), tmp_path / "weights", drawings=60, piece=piece, before=first)
