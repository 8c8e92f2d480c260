"""Mid-training saves: one safetensors file holds all that training needs to go on as if never stopped.

Nothing here knows what is trained, or where the folder is carried to; no pickle, ever.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from gpu_worker.train import optimizer_state as states
from gpu_worker.train.averaging import Average
from gpu_worker.train.optimizer_state import Unfit

# What safetensors, torch and json raise at bytes and shapes that they did not expect.
BROKEN = (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, OverflowError, SafetensorError)


@dataclass
class Progress:
    """Where training stands between two train steps; restored in place.

    Which images come next follows from the seed and how many `losses` there are, one for each train step.
    """

    parameters: Sequence[torch.nn.Parameter]
    optimizers: Sequence[torch.optim.Optimizer]
    generator: torch.Generator
    losses: list[float]
    prior_losses: list[float] = field(default_factory=list)
    lr_schedulers: Sequence[Any] = ()
    scaler: Any = None  # of float16 training
    average: Average | None = None

    def optimizer_of(self) -> list[torch.optim.Optimizer]:
        """For each of `parameters` the one that moves it."""
        owner = {id(p): optimizer for optimizer in self.optimizers for g in optimizer.param_groups for p in g["params"]}
        return [owner[id(parameter)] for parameter in self.parameters]


def save(folder: Path, progress: Progress, fingerprint: str, keep: int = 1) -> Path:
    """Write step-NNNNNN.safetensors, whole or not at all, and remove all but the newest `keep`."""
    tensors = {"generator": progress.generator.get_state()}
    plain: dict[str, dict[str, int]] = {}
    for number, (parameter, optimizer) in enumerate(zip(progress.parameters, progress.optimizer_of(), strict=True)):
        tensors[f"{number}.value"] = parameter.detach()
        plain[str(number)] = {}
        for name, value in states.state_of(optimizer, parameter).items():
            if isinstance(value, torch.Tensor):
                tensors[f"{number}.{name}"] = value
            else:
                plain[str(number)][name] = value
    if progress.average:
        tensors |= {f"{number}.average": tensor for number, tensor in enumerate(progress.average.values)}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _name(len(progress.losses))
    partial = path.with_suffix(".safetensors.partial")
    told = _told(progress, plain, list(tensors)) | {"fingerprint": fingerprint}
    save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, partial, metadata=told)
    partial.replace(path)
    for older in sorted(folder.glob("step-*.safetensors"), reverse=True)[keep:]:
        older.unlink()
    return path


def _name(train_step: int) -> str:
    return f"step-{train_step:06d}.safetensors"


def newest(folder: Path, fingerprint: str, before: int) -> Path | None:
    """The newest checkpoint before that train step that says it is of this training; whether it is whole is not looked
    at.
    """
    paths = [path for path in folder.glob("step-*.safetensors") if path.name < _name(before)]
    for path in sorted(paths, reverse=True):
        try:
            if _header(path).get("fingerprint") == fingerprint:
                return path
        except BROKEN:
            continue
    return None


def restore(folder: Path, progress: Progress, fingerprint: str) -> bool:
    """Go back to the newest checkpoint that has this fingerprint; False when there is none.

    A broken file, or one with shapes or numbers that no training of ours writes, is passed over: training again costs
    time, going on from it would cost the result. `progress` is touched only once all of a file was found good.
    """
    for path in sorted(folder.glob("step-*.safetensors"), reverse=True):
        try:
            if _header(path).get("fingerprint") != fingerprint:
                continue
            saved = _read(path, progress)
        except BROKEN:
            continue
        _put(saved, progress)
        return True
    return False


def _told(progress: Progress, plain: Mapping[str, Any], names: list[str]) -> dict[str, str]:
    """What a file's header says, all of it JSON."""
    told = {
        "losses": progress.losses,
        "prior_losses": progress.prior_losses,
        "scaler": progress.scaler.state_dict() if progress.scaler else {},
        "optimizers": [states.numbers_of(optimizer) for optimizer in progress.optimizers],
        "plain": plain,
        "lr_schedulers": [_epoch(scheduler) for scheduler in progress.lr_schedulers],
        "averaged": progress.average.updates if progress.average else 0,
        "tensors": sorted(names),
    }
    return {name: json.dumps(value) for name, value in told.items()}


def _epoch(scheduler: Any) -> list[int]:
    """All that changes in a scheduler that is a function of the train step."""
    return [scheduler.last_epoch, scheduler._step_count]


@dataclass
class _Saved:
    values: list[torch.Tensor]
    states: list[dict[str, Any]]
    averages: list[torch.Tensor]
    generator: torch.Tensor
    numbers: list[Sequence[Mapping[str, float]]]
    told: Mapping[str, Any]


def _header(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise Unfit(f"{path} is no plain file")  # opening a pipe would wait for ever
    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def _read(path: Path, progress: Progress) -> _Saved:
    """All of a file, each tensor compared with its place."""
    told = {name: json.loads(text) for name, text in _header(path).items() if name != "fingerprint"}
    _check_told(told, progress)
    values, found, averages = [], [], []
    with safe_open(path, framework="pt") as file:
        held: dict[str, dict[str, torch.Tensor]] = {}
        for name in told["tensors"]:
            number, _, kind = name.rpartition(".")
            held.setdefault(number, {})[kind] = file.get_tensor(name)
    for place, (parameter, optimizer) in enumerate(zip(progress.parameters, progress.optimizer_of(), strict=True)):
        own = held[str(place)]
        values.append(_fit(own.pop("value"), parameter.shape))
        if progress.average:
            averages.append(_fit(own.pop("average"), parameter.shape))
        state = own | told["plain"][str(place)]
        if state:
            states.check_state(optimizer, parameter, state)
        found.append(state)
    torch.Generator().set_state(held[""]["generator"])  # raises for what is no state
    pairs = zip(progress.optimizers, told["optimizers"], strict=True)
    numbers = [states.check_numbers(optimizer, group) for optimizer, group in pairs]
    return _Saved(values, found, averages, held[""]["generator"], numbers, told)


def _fit(tensor: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    if tensor.shape != shape or not tensor.is_floating_point() or not torch.isfinite(tensor).all():
        raise Unfit(f"{tuple(tensor.shape)} of {tensor.dtype} for {tuple(shape)}, or not finite")
    return tensor


def _check_told(told: Mapping[str, Any], progress: Progress) -> None:
    losses, prior = told["losses"], told["prior_losses"]
    for numbers in (losses, prior):
        if not isinstance(numbers, list) or not all(type(one) is float and math.isfinite(one) for one in numbers):
            raise Unfit("losses that are no list of numbers")
    epochs = told["lr_schedulers"]
    whole = [told["averaged"], *(number for pair in epochs for number in pair)]
    if not losses or len(prior) not in (0, len(losses)) or len(epochs) != len(progress.lr_schedulers):
        raise Unfit("not as many numbers as train steps or schedulers")
    if any(type(number) is not int or number < 0 for number in whole) or any(len(pair) != 2 for pair in epochs):
        raise Unfit("a count that is none")
    own = progress.scaler.state_dict() if progress.scaler else {}
    scaler = told["scaler"]
    if not isinstance(scaler, dict) or scaler.keys() != own.keys():
        raise Unfit("another scaler's state")
    if not all(type(scaler[name]) is type(value) and math.isfinite(scaler[name]) for name, value in own.items()):
        raise Unfit("a scaler's state that is no number")
    if not isinstance(told["plain"], dict) or not all(type(name) is str for name in told["tensors"]):
        raise Unfit("a table of contents that is none")


def _put(saved: _Saved, progress: Progress) -> None:
    if progress.scaler:
        progress.scaler.load_state_dict(saved.told["scaler"])
    owners = progress.optimizer_of()
    for parameter, optimizer, value, state in zip(progress.parameters, owners, saved.values, saved.states, strict=True):
        with torch.no_grad():
            parameter.copy_(value)
        states.put_state(optimizer, parameter, state)
    for optimizer, numbers in zip(progress.optimizers, saved.numbers, strict=True):
        states.put_numbers(optimizer, numbers)
    for scheduler, (epoch, steps) in zip(progress.lr_schedulers, saved.told["lr_schedulers"], strict=True):
        scheduler.last_epoch, scheduler._step_count = epoch, steps
        scheduler._last_lr = [group["lr"] for group in scheduler.optimizer.param_groups]
    if progress.average:
        progress.average.restore(saved.averages, saved.told["averaged"])
    progress.generator.set_state(saved.generator)
    progress.losses[:] = saved.told["losses"]
    progress.prior_losses[:] = saved.told["prior_losses"]
