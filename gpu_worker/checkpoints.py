"""Mid-training saves: one safetensors file holds all that training needs to go on as if never stopped.

Nothing here knows what is trained, or where the folder is carried to; no pickle, ever.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # what AdamW remembers of each parameter


@dataclass
class Progress:
    """Where training stands between two train steps; restored in place."""

    parameters: Sequence[torch.nn.Parameter]
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    scaler: Any  # of float16 training, else None
    losses: list[float]


def save(folder: Path, progress: Progress, fingerprint: str) -> Path:
    """Write step-NNNNNN.safetensors, whole or not at all, and remove the older ones."""
    tensors = {"generator": progress.generator.get_state()}
    for number, parameter in enumerate(progress.parameters):
        tensors[f"{number}.value"] = parameter.detach()
        for moment in MOMENTS:
            tensors[f"{number}.{moment}"] = progress.optimizer.state[parameter][moment]
    scaler = progress.scaler.state_dict() if progress.scaler else {}
    told = {"fingerprint": fingerprint, "losses": json.dumps(progress.losses), "scaler": json.dumps(scaler)}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{len(progress.losses):06d}.safetensors"
    partial = path.with_suffix(".partial")
    save_file({k: t.cpu().contiguous() for k, t in tensors.items()}, partial, metadata=told)
    partial.replace(path)
    for older in folder.glob("step-*.safetensors"):
        if older != path:
            older.unlink()
    return path


def restore(folder: Path, progress: Progress, fingerprint: str) -> bool:
    """Go back to the newest checkpoint that has this fingerprint; False when there is none.

    A broken file, or one with shapes or numbers that no training of ours writes, is passed over: training again costs
    time, going on from it would cost the result. `progress` is touched only once all of a file was found good.
    """
    for path in sorted(folder.glob("step-*.safetensors"), reverse=True):
        try:
            saved = _read(path, progress, fingerprint)
        except BROKEN:
            continue
        if saved:
            _put(saved, progress)
            return True
    return False


class _Unfit(ValueError):
    """What the file holds is not what these parameters were saved as."""


# What safetensors, torch and json raise at bytes and shapes that they did not expect.
BROKEN = (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, SafetensorError)


@dataclass
class _Saved:
    values: list[torch.Tensor]
    moments: list[dict[str, torch.Tensor]]
    generator: torch.Tensor
    scaler: dict[str, Any]
    losses: list[float]


def _read(path: Path, progress: Progress, fingerprint: str) -> _Saved | None:
    """All of a file, each tensor compared with its place; None for another training's."""
    if not path.is_file():
        raise _Unfit(f"{path} is no plain file")  # opening a pipe would wait for ever
    with safe_open(path, framework="pt") as file:
        told = file.metadata() or {}
        if told.get("fingerprint") != fingerprint:
            return None
        values, moments = [], []
        for number, parameter in enumerate(progress.parameters):
            values.append(_fit(file.get_tensor(f"{number}.value"), parameter.shape))
            shapes = {"step": torch.Size(), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
            moments.append({name: _fit(file.get_tensor(f"{number}.{name}"), shapes[name]) for name in MOMENTS})
        generator = file.get_tensor("generator")
    torch.Generator().set_state(generator)  # raises for what is no state
    scaler: dict[str, Any] = json.loads(told["scaler"]) if progress.scaler else {}
    return _Saved(values, moments, generator, scaler, _losses(json.loads(told["losses"])))


def _fit(tensor: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    if tensor.shape != shape or not tensor.is_floating_point() or not torch.isfinite(tensor).all():
        raise _Unfit(f"{tuple(tensor.shape)} of {tensor.dtype} for {tuple(shape)}, or not finite")
    return tensor


def _losses(told: Any) -> list[float]:
    if not isinstance(told, list) or not all(isinstance(loss, float) and math.isfinite(loss) for loss in told):
        raise _Unfit("losses that are no list of numbers")
    return told


def _put(saved: _Saved, progress: Progress) -> None:
    if progress.scaler:
        progress.scaler.load_state_dict(saved.scaler)
    for parameter, value, moments in zip(progress.parameters, saved.values, saved.moments, strict=True):
        with torch.no_grad():
            parameter.copy_(value)
        progress.optimizer.state[parameter] = {
            moment: _placed(tensor, moment, parameter) for moment, tensor in moments.items()
        }
    progress.generator.set_state(saved.generator)
    progress.losses[:] = saved.losses


def _placed(tensor: torch.Tensor, moment: str, parameter: torch.nn.Parameter) -> torch.Tensor:
    # AdamW keeps its step counter on the CPU, whatever the parameter's device.
    return tensor if moment == "step" else tensor.to(parameter.device)
