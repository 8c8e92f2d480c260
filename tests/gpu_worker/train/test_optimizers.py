"""Optimisers and learning rates by their settings, and that what they remember survives a file."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from gpu_worker.train import checkpoints as saves
from gpu_worker.train.adapters import Group
from gpu_worker.train.config import TrainConfig
from gpu_worker.train.optimizer_state import Unfit, check_numbers, check_state, numbers_of, state_of
from gpu_worker.train.optimizers import NotInstalled, make_lr_scheduler, make_optimizer, make_token_optimizer


def groups(seed: int = 0) -> list[Group]:
    """A denoiser of one matrix and a text encoder of one vector."""
    generator = torch.Generator().manual_seed(seed)
    matrix, vector = (torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((4, 5), (6,)))
    return [Group("unet", {"matrix": matrix}, 1e-2), Group("text_encoder", {"vector": vector}, 1e-3)]


def parameters_of(groups: list[Group]) -> list[torch.nn.Parameter]:
    return [parameter for group in groups for parameter in group.parameters.values()]


def descend(parameters: list[torch.nn.Parameter], optimizer: torch.optim.Optimizer, steps: int) -> None:
    """Towards 1, from wherever they are."""
    for _ in range(steps):
        for parameter in parameters:
            parameter.grad = (parameter - 1).detach()
        optimizer.step()


def test_parts_learn_at_their_own_rates() -> None:
    optimizer = make_optimizer(groups(), TrainConfig(learning_rate=1e-2, adam_weight_decay=0.1, adam_beta2=0.9))
    assert [group["lr"] for group in optimizer.param_groups] == [1e-2, 1e-3]
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.9)
    assert optimizer.param_groups[0]["weight_decay"] == 0.1
    assert make_token_optimizer(groups()[0], TrainConfig()).param_groups[0]["weight_decay"] == 0


def test_prodigy_finds_its_rate(capsys: pytest.CaptureFixture[str]) -> None:
    taught = groups()
    optimizer = make_optimizer(taught, TrainConfig(optimizer="prodigy", learning_rate=1.0))
    first = optimizer.param_groups[0]["d"]
    before = sum((parameter - 1).abs().sum().item() for parameter in parameters_of(taught))
    descend(parameters_of(taught), optimizer, 120)
    after = sum((parameter - 1).abs().sum().item() for parameter in parameters_of(taught))
    assert optimizer.param_groups[0]["d"] > 100 * first
    assert after < 0.5 * before
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
def test_8_bits_without_their_library_are_a_clear_error() -> None:
    with pytest.raises(NotInstalled, match="bitsandbytes"):
        make_optimizer(groups(), TrainConfig(use_8bit_adam=True))


RATES = {
    "constant": [1.0, 1.0, 1.0, 1.0, 1.0],
    "constant_with_warmup": [0.0, 0.5, 1.0, 1.0, 1.0],
    "linear": [0.0, 0.5, 1.0, 2 / 3, 1 / 3],
    "cosine": [0.0, 0.5, 1.0, 0.75, 0.25],
    "cosine_with_restarts": [0.0, 0.5, 1.0, 0.75, 0.25],
    "polynomial": [0.0, 0.5, 1.0, 2 / 3, 1 / 3],
}


@pytest.mark.parametrize("name", RATES)
def test_learning_rates_go_as_their_names_say(name: Any) -> None:
    config = TrainConfig(lr_scheduler=name, lr_warmup_steps=2, learning_rate=1e-2)
    taught = groups()
    optimizer = make_optimizer(taught, config)
    scheduler, seen = make_lr_scheduler(optimizer, config, 5), []
    for _ in range(5):
        seen.append(optimizer.param_groups[0]["lr"] / 1e-2)
        descend(parameters_of(taught), optimizer, 1)
        scheduler.step()
    assert seen == pytest.approx(RATES[name], abs=1e-4)


class AdamW8bit(torch.optim.Optimizer):
    """Remembers what that of bitsandbytes does, of large parameters in bytes with tables, of small ones as they are."""

    def __init__(self, given: Any) -> None:
        super().__init__(given, {"lr": 1e-3, "betas": (0.9, 0.999), "percentile_clipping": 100})

    def step(self, closure: Any = None) -> Any:
        for parameter in (p for group in self.param_groups for p in group["params"]):
            small, codes = parameter.numel() < 10, torch.uint8
            state: dict[str, Any] = {"step": self.state[parameter].get("step", 0) + 1}
            for number in (1, 2):
                state[f"state{number}"] = torch.full_like(parameter, 3, dtype=None if small else codes).detach()
                if not small:
                    state |= {f"qmap{number}": torch.linspace(0, 1, 256), f"absmax{number}": torch.ones(1)}
            self.state[parameter] = state


def adamw_8bit(taught: list[Group]) -> torch.optim.Optimizer:
    return AdamW8bit([{"params": list(group.parameters.values())} for group in taught])


def by_settings(**settings: Any) -> Any:
    return lambda taught: make_optimizer(taught, TrainConfig(**settings))


KINDS = {
    "adamw": by_settings(),
    "prodigy": by_settings(optimizer="prodigy", learning_rate=1.0),
    "8 bits": adamw_8bit,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_optimiser_remembers_survives_a_file(kind: str, tmp_path: Path) -> None:
    taught = groups()
    first = KINDS[kind](taught)
    descend(parameters_of(taught), first, 3)
    saves.save(tmp_path, saves.Progress(parameters_of(taught), [first], torch.Generator(), [0.1]), "f")
    again = groups(seed=1)
    second = KINDS[kind](again)
    assert saves.restore(tmp_path, saves.Progress(parameters_of(again), [second], torch.Generator(), []), "f")
    assert numbers_of(second) == numbers_of(first)
    for one, other in zip(parameters_of(taught), parameters_of(again), strict=True):
        assert torch.equal(one, other)
        mine, theirs = state_of(first, one), state_of(second, other)
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(torch.as_tensor(mine[name]), torch.as_tensor(theirs[name])) for name in mine)
    for taught_so_far, optimizer in ((taught, first), (again, second)):
        descend(parameters_of(taught_so_far), optimizer, 3)
    assert all(torch.equal(a, b) for a, b in zip(parameters_of(taught), parameters_of(again), strict=True))


@pytest.mark.parametrize(
    "change",
    [
        {"exp_avg": torch.zeros(3)},
        {"exp_avg": torch.full((4, 5), torch.nan)},
        {"step": torch.zeros(2)},
        {"step": -1},
        {"step": True},
        {"more": torch.zeros(4, 5)},
    ],
    ids=str,
)
def test_states_that_do_not_fit(change: dict[str, Any]) -> None:
    taught = groups()
    optimizer = make_optimizer(taught, TrainConfig())
    parameter = parameters_of(taught)[0]
    descend(parameters_of(taught), optimizer, 1)
    state = state_of(optimizer, parameter)
    check_state(optimizer, parameter, state)
    with pytest.raises(Unfit):
        check_state(optimizer, parameter, state | change)


@pytest.mark.parametrize("told", [None, [], [{}, {}], "ab", [[], []]], ids=str)
def test_numbers_that_are_none(told: Any) -> None:
    with pytest.raises(Unfit):
        check_numbers(make_optimizer(groups(), TrainConfig()), told)


@pytest.mark.parametrize("rate", ["1", float("nan"), float("inf"), True, None, 1])
def test_numbers_that_do_not_fit(rate: Any) -> None:
    optimizer = make_optimizer(groups(), TrainConfig())
    told = numbers_of(optimizer)
    check_numbers(optimizer, told)
    with pytest.raises(Unfit):
        check_numbers(optimizer, [told[0], told[1] | {"lr": rate}])
