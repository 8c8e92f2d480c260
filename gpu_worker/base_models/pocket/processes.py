"""Training on several cores as several processes of one thread each, their gradients averaged after each step.

On few, shared cores this is twice as fast as threads, which wait for each other inside every operator. No
model and no data here; a training that was never spawned is rank 0 of 1 and needs none of it.
"""

import argparse
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn


def train_command(work: Callable[..., None], folders: tuple[str, ...], minutes: float) -> None:
    """The command line of a training: `work(*folders, seconds)` in as many processes as are asked for."""
    arguments = argparse.ArgumentParser(description=work.__doc__)
    for folder in folders:
        arguments.add_argument(folder, type=Path)
    arguments.add_argument("--minutes", type=float, default=minutes)
    arguments.add_argument("--processes", type=int, default=2)
    given = arguments.parse_args()
    spawn(work, given.processes, *(getattr(given, folder) for folder in folders), 60 * given.minutes)


def spawn(work: Callable[..., Any], count: int, *arguments: Any) -> None:
    """Run `work(*arguments)` in `count` processes that can average gradients; raises what one of them raises."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if count == 1:
        work(*arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        meeting = (Path(folder) / "meeting").as_uri()
        # torch has it, without exporting it by name.
        spawn_all: Callable[..., Any] = torch.multiprocessing.spawn  # type: ignore[attr-defined]
        spawn_all(_enter, (count, meeting, work, arguments), nprocs=count)


def _enter(number: int, count: int, meeting: str, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=meeting, rank=number, world_size=count)
    try:
        work(*arguments)
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """This process's number; 0 writes checkpoints and sheets."""
    return dist.get_rank() if dist.is_initialized() else 0


def count() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def agreed(value: float) -> float:
    """Rank 0's `value`, so that all processes stop at the same train step."""
    if count() == 1:
        return value
    shared = torch.tensor([value], dtype=torch.float64)
    dist.broadcast(shared, 0)
    return float(shared)


def average_gradients(module: nn.Module) -> None:
    """Replace each gradient by its mean over all processes."""
    if count() == 1:
        return
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= count()
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, mean in zip(gradients, flat.split(sizes), strict=True):
        gradient.copy_(mean.view_as(gradient))
