"""Several processes train one network, each on its part of every batch. No model, no data and no loop here.

Two processes of one thread get more out of two cores than one of two: convolutions as small as pocket's wait for their
threads half of the time.
"""

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import distributed, multiprocessing


def spawn(work: Callable[..., None], processes: int, arguments: tuple[Any, ...]) -> None:
    """Call `work`, which a module has by name, in so many processes at once; where one fails, all end and it raises."""
    if processes == 1:
        work(*arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(_one, (processes, Path(folder) / "meet", work, arguments), processes)  # type: ignore[no-untyped-call]


def rank() -> int:
    """This process's number; 0 alone tells and keeps what all learnt."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """How many processes train."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def average_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Give every process the mean of all processes' gradients, as if one had seen the whole batch."""
    if count() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    together = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(together)
    together /= count()
    for gradient, mean in zip(gradients, together.split([each.numel() for each in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def _one(rank: int, processes: int, meet: Path, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))
    distributed.init_process_group("gloo", init_method=f"file://{meet}", rank=rank, world_size=processes)
    try:
        work(*arguments)
    finally:
        distributed.destroy_process_group()
