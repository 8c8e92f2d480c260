"""A checkpoint of the trainer becomes what a subject wears; whoever has no name is the class noun."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.generate.subjects import read_names
from gpu_worker.train import TrainConfig, checkpoints
from gpu_worker.train.adapters import open_parts, trained_parts
from gpu_worker.train.checkpoints import Progress
from gpu_worker.weights import LORA_FILE, RECORD, open_base_model, save_lora
from tests.benchmarks.quality_weights import at_step, unnamed

CONFIG = TrainConfig.from_params({"rank": 2, "lora_alpha": 2, "class_noun": "woman"})


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint after two train steps and, in train/, the weights as the trainer saves them at its end."""
    folder = tmp_path_factory.mktemp("taught")
    base = open_base_model(str(WEIGHTS), None, torch.device("cpu"))
    parameters = [parameter for group in open_parts(base, CONFIG) for parameter in group.parameters.values()]
    with torch.no_grad():
        for number, parameter in enumerate(parameters):
            parameter.fill_(number / 1000)
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    optimizer = torch.optim.AdamW(parameters, 0.0, weight_decay=0.0)
    optimizer.step()
    progress = Progress(parameters, [optimizer], torch.Generator(), [0.1, 0.2])
    checkpoints.save(folder / "checkpoints", progress, "fingerprint")
    (folder / "train").mkdir()
    save_lora(base, trained_parts(base, CONFIG), folder / "train")
    (folder / "train" / RECORD).write_text(json.dumps({"config": CONFIG.model_dump(mode="json")}))
    return folder


def test_a_checkpoint_is_worn_as_the_end_would_be(taught: Path, tmp_path: Path) -> None:
    at_step(taught / "checkpoints", 2, CONFIG, tmp_path / "train")
    worn, end = load_file(tmp_path / "train" / LORA_FILE), load_file(taught / "train" / LORA_FILE)
    assert worn.keys() == end.keys()
    assert all(torch.equal(worn[name], end[name]) for name in end)
    assert read_names(tmp_path / "train") == ("sks", "woman")


def test_a_checkpoint_of_other_settings_is_refused(taught: Path, tmp_path: Path) -> None:
    other = CONFIG.model_copy(update={"train_text_encoder": False})
    with pytest.raises(ValueError, match="are trained"):
        at_step(taught / "checkpoints", 2, other, tmp_path / "train")


def test_a_train_step_without_checkpoint_is_said(taught: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="step-000003"):
        at_step(taught / "checkpoints", 3, CONFIG, tmp_path / "train")


def test_who_has_no_name_wears_the_same(taught: Path, tmp_path: Path) -> None:
    unnamed(taught / "train", tmp_path / "train")
    assert read_names(tmp_path / "train") == ("", "woman")
    assert (tmp_path / "train" / LORA_FILE).read_bytes() == (taught / "train" / LORA_FILE).read_bytes()
