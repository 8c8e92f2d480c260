"""SIGKILL at random moments, between checkpoints too: the weights are those of a training that nobody disturbed."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.gpu_worker.train.test_dreambooth import SMALL, inputs  # noqa: F401  # a fixture

STEPS = 12


def run(config: Path, where: Path, kill_after: int | None = None) -> list[str]:
    """The lines of one process, killed as soon as it told of so many train steps; None: left to end."""
    command = [sys.executable, "-m", "tests.gpu_worker.train.killed", str(config), str(where)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if kill_after is not None and line.startswith(f"train step {kill_after}/"):
                process.kill()
    assert process.returncode == (0 if kill_after is None else -9)
    return lines


@pytest.mark.slow
def test_three_kills_change_no_bit(inputs: Path, random_pocket: Path) -> None:  # noqa: F811
    settings: dict[str, Any] = {
        "base_model": str(random_pocket),
        "max_train_steps": STEPS,
        "checkpointing_steps": 2,
        "train_text_encoder": True,
        "use_ema": True,
        "num_validation_images": 1,
        "validation_steps": 5,
        "validation_inference_steps": 2,
    }
    config = inputs.parent / "config.json"
    config.write_text(json.dumps(SMALL | settings))
    found = {}
    for name, kills in (("whole", []), ("killed", sorted(random.Random(7).sample(range(1, STEPS), 3)))):
        where = inputs.parent / name
        (where / "out").mkdir(parents=True)
        (where / "inputs").symlink_to(inputs)
        for after in kills:
            run(config, where, after)
        last = run(config, where)
        assert any(line.startswith("going on from train step") for line in last) == (name == "killed")
        found[name] = load_file(where / "out/pytorch_lora_weights.safetensors")
    assert found["whole"].keys() == found["killed"].keys()
    assert all(torch.equal(found["whole"][key], found["killed"][key]) for key in found["whole"])
