"""What the trainer wrote, the engine wears: the same networks as at the training's end, for each way to train."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from gpu_worker.base_models.family import BaseModel
from gpu_worker.errors import BadWeights
from gpu_worker.generate.engine import Engine, Resident
from gpu_worker.generate.subjects import hash_subject, is_scalable, weight_files
from gpu_worker.prompt_language import parse
from gpu_worker.train.adapters import trained_parts
from gpu_worker.train.config import TrainConfig
from gpu_worker.train.lessons import Lesson
from gpu_worker.train.new_tokens import NAME, save_new_tokens
from gpu_worker.train.trainer import Trainer
from gpu_worker.weights import (
    DIFFERENCE_FILE,
    LORA_FILE,
    RECORD,
    TOKENS_FILE,
    open_base_model,
    save_difference,
    save_full,
    save_lora,
)

CPU = torch.device("cpu")
WAYS: dict[str, dict[str, Any]] = {
    "lora": {"train_text_encoder": True},
    "dora": {"train_text_encoder": True, "use_dora": True},
    "dora, convolutions too": {"use_dora": True, "lora_targets": ("to_q", "conv1", "proj_in")},
    "difference": {"method": "full", "train_text_encoder": True},
    "whole": {"method": "full"},
    "pivotal": {"method": "pivotal", "num_new_tokens": 3, "train_text_encoder_ti_frac": 0.5},
}


def trained(way: str, source: Path, folder: Path) -> BaseModel:
    """Four wild train steps, written as a job writes them."""
    base = open_base_model(str(source), None, CPU)
    settings = {"rank": 4, "learning_rate": 0.02, "text_encoder_lr": 0.02, "token_lr": 0.5, "identifier": "zwx"}
    config = TrainConfig(base_model=str(source), **(settings | WAYS[way]))
    latents = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    lesson = Lesson(
        [config.prompt("a {token}"), "a person"], latents, torch.tensor([0, 0]), latents, torch.tensor([1, 1])
    )
    training = Trainer(base, lesson, config, 4)
    for _ in range(4):
        training.step()
    folder.mkdir()
    _write(way, training, folder)
    (folder / RECORD).write_text(json.dumps({"config": config.model_dump(mode="json")}))
    return base


def _write(way: str, training: Trainer, folder: Path) -> None:
    base, config = training.base, training.config
    parts = trained_parts(base, config)
    if way == "difference":
        save_difference(base, open_base_model(base.source, None, CPU), parts, folder)
    elif way == "whole":
        save_full(base, parts, folder)
        base.denoiser.float()
    else:
        save_lora(base, parts, folder)
    for group in training.groups:
        if group.part == NAME:
            save_new_tokens(group, config, folder)


@torch.no_grad()
def drawn(base: BaseModel, hidden: torch.Tensor) -> torch.Tensor:
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(2))
    noise: torch.Tensor = base.denoiser(latents, 500, hidden, return_dict=False)[0]
    return noise


@pytest.mark.parametrize("way", WAYS)
def test_a_subject_is_worn_as_it_was_trained(way: str, random_pocket: Path, tmp_path: Path) -> None:
    base = trained(way, random_pocket, tmp_path / "subject")
    resident = Resident(str(random_pocket), None, CPU, torch.float32)
    text = parse("a photo of a zwx man").parts[0].schedule(1)[0].text

    def shown() -> tuple[torch.Tensor, torch.Tensor]:
        hidden = resident.encoder.encode([text])[0].hidden[None]
        return hidden, drawn(resident.base, hidden)

    bare = shown()
    resident.wear(Engine().subject(tmp_path / "subject"))
    hidden, noise = shown()
    identifier = "<s0><s1><s2>" if way == "pivotal" else "zwx"
    with torch.no_grad():
        theirs = base.encode_prompts([f"a photo of a {identifier} man"]).embeds
    torch.testing.assert_close(hidden, theirs, atol=2e-2, rtol=2e-2)  # of float16 files
    torch.testing.assert_close(noise, drawn(base, theirs), atol=2e-2, rtol=2e-2)
    assert (noise - bare[1]).abs().mean() > 0.05
    assert torch.equal(hidden, bare[0]) == (way in ("whole", "dora, convolutions too"))
    resident.wear(None)
    assert all(map(torch.equal, shown(), bare))


def test_which_files_are_a_subjects(random_pocket: Path, tmp_path: Path) -> None:
    for way in ("lora", "pivotal", "difference", "whole"):
        trained(way, random_pocket, tmp_path / way)
    named = {way: [file.name for file in weight_files(tmp_path / way)] for way in ("lora", "pivotal", "difference")}
    assert named == {"lora": [LORA_FILE], "pivotal": [LORA_FILE, TOKENS_FILE], "difference": [DIFFERENCE_FILE]}
    assert [is_scalable(tmp_path / way) for way in ("lora", "difference", "whole")] == [True, True, False]
    before = hash_subject(tmp_path / "pivotal")
    (tmp_path / "pivotal" / TOKENS_FILE).unlink()
    assert hash_subject(tmp_path / "pivotal") != before
    (tmp_path / "pivotal" / LORA_FILE).unlink()
    with pytest.raises(BadWeights, match="none of"):
        weight_files(tmp_path / "pivotal")
