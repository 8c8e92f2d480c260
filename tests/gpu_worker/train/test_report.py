"""The report: how a training went, what was chosen, and a sheet of all samples."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]  # psutil ships no types
import pytest
import torch

from gpu_worker.base_models.family import BaseModel
from gpu_worker.images import read_rgb, write_png
from gpu_worker.provenance.record import short_name
from gpu_worker.train import TrainConfig
from gpu_worker.train.candidates import Candidates
from gpu_worker.train.choosing import last_train_step
from gpu_worker.train.report import Clock, Facts, peak_memory, write_report
from gpu_worker.train.sample_sheet import APART, FRAME, TILE
from gpu_worker.train.scores import Scores
from gpu_worker.weights import open_base_model

CONFIG = TrainConfig(validation_prompts=("a photo of a {identifier}", "a photo"), num_validation_images=2)
LOSSES = [1 / 3, 0.25, 0.2]


@pytest.fixture
def base(random_pocket: Path) -> BaseModel:
    return open_base_model(str(random_pocket), None, torch.device("cpu"))


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Two photos to learn from, green and blue, and a red one that was held out."""
    for name, number, channel in (("held_out", 3, 0), ("instance", 1, 1), ("instance", 2, 2)):
        (tmp_path / "inputs/preprocess" / name).mkdir(parents=True, exist_ok=True)
        photo = np.zeros((80, 80, 3), np.uint8)
        photo[:, :, channel] = 255
        write_png(photo, tmp_path / f"inputs/preprocess/{name}/{number:03d}.png")
    return tmp_path / "inputs"


@pytest.fixture
def candidates(tmp_path: Path) -> Candidates:
    """Two, the second the better one; samples of 32 px in one grey each."""
    kept = Candidates(tmp_path / "kept", "ours", lambda path: path.touch(), lambda path: None)
    for step, likeness in ((2, 0.4), (3, 0.6)):
        samples = [np.full((32, 32, 3), 60 * number, np.uint8) for number in range(1, 5)]
        kept.add(step, Scores(likeness, None, 0.4, 0.4, 0.0, {"adherence": "Nothing reads prompts."}), samples)
    return kept


def written(inputs: Path, facts: Facts) -> tuple[dict[str, Any], Path]:
    outputs = inputs.parent / "outputs"
    outputs.mkdir()
    write_report(inputs, outputs, facts)
    return json.loads((outputs / "report.json").read_text()), outputs


def test_it_says_how_the_training_went(inputs: Path, base: BaseModel, candidates: Candidates) -> None:
    clock = Clock()
    with clock.phase("train", examples=12):
        torch.ones(1000).sum()
    choice = candidates.take_best()
    assert choice is not None
    facts = Facts(CONFIG, base, "hash", LOSSES, choice, candidates, [0.1], resumed_from=2, clock=clock)
    told, outputs = written(inputs, facts)
    assert told["config"]["identifier"] == "sks"
    assert told["base_model"] == {
        "source": short_name(base.source),
        "sha256": "hash",
        "licence": "unknown",
        "commercial_use": False,
    }
    assert told["versions"]["torch"] == torch.__version__
    assert told["peak_memory"]["bytes"] > 50 * 2**20
    assert told["phases"]["train"]["examples"] == 12
    assert (told["train_steps"], told["resumed_from"]) == (3, 2)
    assert told["likeness_to"] == {"photos": 3, "held_out": False}
    assert told["losses"] == [0.333333, 0.25, 0.2]
    assert told["prior_losses"] == [0.1]
    assert [(row["step"], row["likeness"], row["verdict"]) for row in told["candidates"]] == [
        (2, 0.4, "dominated"),
        (3, 0.6, "chosen"),
    ]
    assert told["candidates"][0]["unmeasured"] == {"adherence": "Nothing reads prompts."}
    assert told["choice"]["step"] == 3
    assert "likeness 0.60" in told["choice"]["why"]
    assert read_rgb(outputs / "loss.png").shape == (360, 720, 3)


def test_the_sheet_shows_photos_and_every_train_step(inputs: Path, base: BaseModel, candidates: Candidates) -> None:
    choice = candidates.take_best()
    assert choice is not None
    _, outputs = written(inputs, Facts(CONFIG, base, "hash", LOSSES, choice, candidates))
    sheet = read_rgb(outputs / "samples.png")
    middle = APART + TILE // 2
    assert sheet[middle, middle].tolist() == [255, 0, 0]  # the photo that was held out comes first
    column = sheet[:, middle].tolist()
    greys = [colour for colour in column if colour == [60, 60, 60]]
    assert len(greys) >= 2 * (TILE - 4)
    assert FRAME in {tuple(colour) for colour in column}


def test_without_samples_there_is_no_sheet(inputs: Path, base: BaseModel) -> None:
    choice = last_train_step(3, "no samples were drawn")
    told, outputs = written(inputs, Facts(CONFIG, base, "hash", LOSSES, choice))
    assert told["candidates"] == []
    assert told["choice"]["why"].endswith("because no samples were drawn.")
    assert not (outputs / "samples.png").exists()


def test_a_phase_within_another_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 10.0, 13.0, 20.0, 30.0, 31.0])
    monkeypatch.setattr("gpu_worker.train.report.time.monotonic", lambda: next(times))
    clock = Clock()
    with clock.phase("train", examples=34), clock.phase("samples", examples=6):
        pass
    with clock.phase("save"):
        pass
    assert clock.told() == {
        "samples": {"seconds": 3.0, "examples": 6, "examples_per_second": 2.0},
        "train": {"seconds": 17.0, "examples": 34, "examples_per_second": 2.0},
        "save": {"seconds": 1.0, "examples": 0, "examples_per_second": None},
    }


def test_a_phase_that_fails_is_counted_too() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="broken"), clock.phase("train"):
        raise ValueError("broken")
    assert clock.seconds["train"] >= 0


def test_memory_of_this_process_is_told_where_there_is_no_gpu() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a gpu")
    told = peak_memory()
    assert told["of"] == "process"
    assert told["bytes"] >= 0.5 * psutil.Process().memory_info().rss  # in bytes, not in pages or KiB
    assert told["bytes"] < psutil.virtual_memory().total
