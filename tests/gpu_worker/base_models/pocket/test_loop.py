"""An interrupted training ends with the very weights of an uninterrupted one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gpu_worker.base_models.pocket.drawings import Drawings
from gpu_worker.base_models.pocket.loop import Budget, Training, run
from gpu_worker.base_models.pocket.train_vae import train_vae
from tests.gpu_worker.base_models.pocket.conftest import TINY


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


def test_pieces_share_one_course_of_the_learning_rate() -> None:
    whole = [Budget(steps=30).rate(progress) for progress in (0, 1 / 3, 2 / 3, 1)]
    second, third = Budget(10, piece=2, pieces=3), Budget(10, piece=3, pieces=3)
    assert [second.rate(0), third.rate(0)] == pytest.approx(whole[1:3])
    assert [second.rate(1), third.rate(1)] == pytest.approx(whole[2:])


@pytest.mark.parametrize("piece", [0, 4])
def test_there_is_no_piece_outside(piece: int) -> None:
    with pytest.raises(ValueError, match=f"piece {piece} of 3"):
        Budget(10, piece=piece, pieces=3)


def test_the_vae_resumes_bit_equal(drawings_folder: Path, tmp_path: Path) -> None:
    def drawings() -> Drawings:
        return Drawings(drawings_folder, TINY.resolution)

    whole = train_vae(drawings(), tmp_path / "whole", Budget(steps=3), TINY)
    with pytest.raises(Killed):
        train_vae(drawings(), tmp_path / "cut", KilledAt(steps=3, checkpoint_seconds=0), TINY)
    again = train_vae(drawings(), tmp_path / "cut", Budget(steps=3), TINY)
    pairs = zip(whole.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
