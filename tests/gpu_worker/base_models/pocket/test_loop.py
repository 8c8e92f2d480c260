"""An interrupted training ends with the very weights of an uninterrupted one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gpu_worker.base_models.pocket.drawings import Drawings
from gpu_worker.base_models.pocket.loop import Budget, Training, run
from gpu_worker.base_models.pocket.train_vae import train_vae


class Killed(Exception):
    """Stands for the power cut."""


@dataclass(frozen=True)
class KilledAt(Budget):
    """A budget that breaks off at one train step; every step before it was kept."""

    step: int = 2

    def progress(self, step: int) -> float:
        if step == self.step:
            raise Killed
        return super().progress(step)


def line(folder: Path) -> tuple[Training, Any]:
    torch.manual_seed(3)
    training = Training("line", folder, nn.Linear(4, 1), 1e-2, 0.9, seed=5)

    def loss() -> torch.Tensor:
        seen = torch.randn(8, 4, generator=training.generator)
        error: torch.Tensor = (training.module(seen) - seen.sum(dim=1, keepdim=True)).square().mean()
        return error

    return training, loss


def test_resuming_is_bit_equal(tmp_path: Path) -> None:
    whole, loss = line(tmp_path / "whole")
    run(whole, Budget(steps=12), loss)
    first, loss = line(tmp_path / "cut")
    with pytest.raises(Killed):
        run(first, KilledAt(steps=12, checkpoint_seconds=0, step=7), loss)
    second, loss = line(tmp_path / "cut")
    assert second.resume()
    assert second.step == 7
    run(second, Budget(steps=12), loss)
    assert all(torch.equal(whole.ema[name], second.ema[name]) for name in whole.ema)
    assert torch.equal(whole.module.weight, second.module.weight)  # type: ignore[arg-type]


def test_no_checkpoint_means_a_fresh_start(tmp_path: Path) -> None:
    training, _ = line(tmp_path)
    assert not training.resume()


def test_the_budget_ends_by_steps() -> None:
    assert [Budget(steps=10).progress(step) for step in (0, 5, 12)] == [0, 0.5, 1]


def test_the_vae_resumes_bit_equal(tmp_path: Path) -> None:
    folder = shards(tmp_path / "drawings")
    whole = train_vae(Drawings(folder, 64), tmp_path / "whole", Budget(steps=3))
    with pytest.raises(Killed):
        train_vae(Drawings(folder, 64), tmp_path / "cut", KilledAt(steps=3, checkpoint_seconds=0))
    again = train_vae(Drawings(folder, 64), tmp_path / "cut", Budget(steps=3))
    pairs = zip(whole.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)


def shards(folder: Path) -> Path:
    """Two shards of noise in the form that the drawer writes."""
    folder.mkdir()
    for number in range(2):
        rng = np.random.default_rng(number)
        noise = rng.integers(0, 256, (6, 128, 128, 3), dtype=np.uint8)
        np.savez(folder / f"shard-{number:05}.npz", images=noise, alphas=noise[..., 0])
        (folder / f"shard-{number:05}.jsonl").write_text('{"person": 0, "attributes": {}}\n' * 6)
    return folder
