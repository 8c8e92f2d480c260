"""What an optimiser remembers, as tensors and numbers that a file can hold, and whether a file's fit. No pickle.

Of AdamW, 8-bit AdamW and Prodigy; no file is opened here, and no step taken.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

# Names that an optimiser of this class keeps for each parameter; a small parameter's 8-bit state is float32.
KEPT: Mapping[str, tuple[frozenset[str], ...]] = {
    "AdamW": (frozenset({"step", "exp_avg", "exp_avg_sq"}),),
    "Prodigy": (frozenset({"step", "s", "p0", "exp_avg", "exp_avg_sq"}),),
    "AdamW8bit": (
        frozenset({"step", "state1", "state2"}),
        frozenset({"step", "state1", "state2", "qmap1", "qmap2", "absmax1", "absmax2"}),
    ),
}
SHAPED_AS_PARAMETER = ("exp_avg", "exp_avg_sq", "state1", "state2")
CODES = 256  # that a byte tells apart


class Unfit(ValueError):
    """What a file holds is not what these parameters were saved as."""


def state_of(optimizer: torch.optim.Optimizer, parameter: torch.nn.Parameter) -> dict[str, Any]:
    """Tensors and whole numbers by name; empty for a parameter that never learnt."""
    return dict(optimizer.state.get(parameter, {}))


def check_state(optimizer: torch.optim.Optimizer, parameter: torch.Tensor, state: Mapping[str, Any]) -> None:
    """Raises Unfit unless `state` is what this optimiser keeps of a parameter of this shape."""
    if frozenset(state) not in KEPT[type(optimizer).__name__]:
        raise Unfit(f"{type(optimizer).__name__} does not keep {', '.join(sorted(state))}")
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            fits = name == "step" and type(value) is int and value >= 0
        elif name in SHAPED_AS_PARAMETER:
            fits = value.shape == parameter.shape and _is_finite(value, "qmap1" in state)
        elif name == "step":
            fits = value.shape == torch.Size() and _is_finite(value)
        else:
            fits = value.dim() <= 1 and value.numel() <= max(CODES, parameter.numel()) and _is_finite(value)
        if not fits:
            raise Unfit(f"{name} does not fit a parameter of {tuple(parameter.shape)}")


def put_state(optimizer: torch.optim.Optimizer, parameter: torch.nn.Parameter, state: Mapping[str, Any]) -> None:
    """Go on from a state that was checked."""
    optimizer.state.pop(parameter, None)
    if state:
        optimizer.state[parameter] = {
            name: value.to(parameter.device) if isinstance(value, torch.Tensor) else value
            for name, value in state.items()
        }


def numbers_of(optimizer: torch.optim.Optimizer) -> list[dict[str, float]]:
    """By group what may change as training goes: learning rates, Prodigy's estimates."""
    return [{name: value for name, value in group.items() if _is_number(value)} for group in optimizer.param_groups]


def check_numbers(optimizer: torch.optim.Optimizer, told: Any) -> Sequence[Mapping[str, float]]:
    """Raises Unfit unless `told` is what numbers_of() gives for such an optimiser, before or after its first step."""
    own = numbers_of(optimizer)
    if not isinstance(told, list) or len(told) != len(own):
        raise Unfit("not as many groups of parameters")
    for mine, theirs in zip(own, told, strict=True):
        if not isinstance(theirs, dict) or not mine.keys() <= theirs.keys():
            raise Unfit("a group of parameters lacks a number")
        if not all(_is_number(value) and type(value) is type(mine.get(name, value)) for name, value in theirs.items()):
            raise Unfit("a group of parameters has what is no number")
    return told


def put_numbers(optimizer: torch.optim.Optimizer, told: Sequence[Mapping[str, float]]) -> None:
    """Go on from numbers that were checked."""
    for group, numbers in zip(optimizer.param_groups, told, strict=True):
        group.update(numbers)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_finite(tensor: torch.Tensor, whole_numbers: bool = False) -> bool:
    if whole_numbers:
        return tensor.dtype == torch.uint8
    return tensor.is_floating_point() and bool(torch.isfinite(tensor).all())
