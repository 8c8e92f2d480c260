"""Folders that the stage `generate` takes a subject from: the weights at a train step, or under no name of his own.

Nothing is drawn here.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors import safe_open

from gpu_worker.train import TrainConfig
from gpu_worker.train.adapters import open_parts, trained_parts
from gpu_worker.weights import LORA_FILE, RECORD, open_base_model, save_lora


def at_step(checkpoints: Path, step: int, config: TrainConfig, out: Path) -> None:
    """Write the LoRA that the trainer's checkpoint of this train step holds into `out`, which is made anew.

    Raises FileNotFoundError without such a checkpoint, ValueError when it holds other parameters than `config` trains.
    """
    path = checkpoints / f"step-{step:06d}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(path)
    base = open_base_model(config.base_model, config.revision, torch.device("cpu"))
    parameters = [parameter for group in open_parts(base, config) for parameter in group.parameters.values()]
    kind = "average" if config.use_ema else "value"
    with safe_open(path, "pt") as file, torch.no_grad():
        held = [name for name in file.keys() if name.endswith(f".{kind}")]  # noqa: SIM118  # no mapping
        if len(held) != len(parameters):
            raise ValueError(f"{path} holds {len(held)} parameters, and {len(parameters)} are trained")
        for number, parameter in enumerate(parameters):
            parameter.copy_(file.get_tensor(f"{number}.{kind}"))
    _make(out)
    save_lora(base, trained_parts(base, config), out)
    _record(out, config.identifier, config.class_noun)


def unnamed(subject: Path, out: Path) -> None:
    """The same weights for a subject without identifier: prompts then ask for the class noun alone."""
    names = json.loads((subject / RECORD).read_text())["config"]
    _make(out)
    shutil.copy(subject / LORA_FILE, out)
    _record(out, "", names["class_noun"])


def _make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _record(folder: Path, identifier: str, class_noun: str) -> None:
    (folder / RECORD).write_text(json.dumps({"config": {"identifier": identifier, "class_noun": class_noun}}))
