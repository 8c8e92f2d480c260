"""Mid-training saves: one safetensors file holds all that training needs to go on as if never stopped.

Nothing here knows what is trained, or where the folder is carried to; no pickle, ever.
"""

import json
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

    A broken file is passed over: training again costs time, going on from it would cost the result.
    """
    for path in sorted(folder.glob("step-*.safetensors"), reverse=True):
        try:
            if _restore_file(path, progress, fingerprint):
                return True
        except (OSError, SafetensorError):
            continue
    return False


def _restore_file(path: Path, progress: Progress, fingerprint: str) -> bool:
    with safe_open(path, framework="pt") as file:
        told = file.metadata() or {}
        if told.get("fingerprint") != fingerprint:
            return False
        for number, parameter in enumerate(progress.parameters):
            with torch.no_grad():
                parameter.copy_(file.get_tensor(f"{number}.value"))
            progress.optimizer.state[parameter] = {
                moment: _placed(file.get_tensor(f"{number}.{moment}"), moment, parameter) for moment in MOMENTS
            }
        progress.generator.set_state(file.get_tensor("generator"))
        if progress.scaler:
            progress.scaler.load_state_dict(json.loads(told["scaler"]))
        progress.losses[:] = json.loads(told["losses"])
    return True


def _placed(tensor: torch.Tensor, moment: str, parameter: torch.nn.Parameter) -> torch.Tensor:
    # AdamW keeps its step counter on the CPU, whatever the parameter's device.
    return tensor if moment == "step" else tensor.to(parameter.device)
