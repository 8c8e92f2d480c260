"""Two processes that train together learn what one process learns from both their parts of every batch."""

from pathlib import Path

import pytest
import torch
from torch import nn

from gpu_worker.base_models.pocket import ranks
from gpu_worker.base_models.pocket.loop import Budget, Training, run

STEPS = 5


def learn(folder: Path) -> None:
    """As a process of `spawn`: only the first one keeps anything."""
    torch.manual_seed(3)
    training = Training("line", folder, nn.Linear(4, 1), 1e-2, 0.9, seed=5)

    def loss() -> torch.Tensor:
        return _error(training.module, torch.randn(8, 4, generator=training.generator))

    run(training, Budget(STEPS), loss)


def fail() -> None:
    if ranks.rank():
        raise RuntimeError("the second process fails")


def _error(module: nn.Module, seen: torch.Tensor) -> torch.Tensor:
    error: torch.Tensor = (module(seen) - seen.sum(dim=1, keepdim=True)).square().mean()
    return error


def test_two_processes_learn_from_both_parts(tmp_path: Path) -> None:
    ranks.spawn(learn, 2, (tmp_path / "two",))
    torch.manual_seed(3)
    alone = Training("line", tmp_path / "one", nn.Linear(4, 1), 1e-2, 0.9, seed=5)

    def loss() -> torch.Tensor:
        base = (alone.seed << 32) + alone.step * 64
        parts = [torch.randn(8, 4, generator=torch.Generator().manual_seed(base + rank)) for rank in range(2)]
        return _error(alone.module, torch.cat(parts))

    run(alone, Budget(STEPS), loss)
    together = torch.load(tmp_path / "two" / "line.checkpoint.pt", weights_only=True)
    assert together["step"] == STEPS
    assert torch.allclose(together["module"]["weight"], alone.module.weight, atol=1e-6)  # type: ignore[arg-type]


def test_a_process_that_fails_ends_all() -> None:
    with pytest.raises(Exception, match="the second process fails"):
        ranks.spawn(fail, 2, ())


def test_one_process_is_this_one() -> None:
    ranks.spawn(lambda: None, 1, ())
    assert (ranks.rank(), ranks.count()) == (0, 1)
