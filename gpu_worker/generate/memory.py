"""How much memory there is, and how images are decoded within it. Nothing is loaded or drawn here."""

import sys
from pathlib import Path
from typing import Any, Literal

import torch

Decoding = Literal["whole", "sliced", "tiled"]  # a batch at once, one image at a time, one piece of it at a time
# The largest tensors of an AutoencoderKL's decoder at full size: its first channels, in and out of a convolution, and
# what their normalisation copies.
COPIES = 4
CGROUP = Path("/sys/fs/cgroup")
RESERVE = 0.5  # share of free memory that decoding may take: the unet's activations and other processes have the rest


def free_memory(device: torch.device) -> int:
    """Bytes that can be allocated now, on the gpu or in the machine."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + held)
    return _available()


def _available() -> int:
    """What Linux says can be had without swapping, within the container's limit; without its word, 4 GiB."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        told = next(line for line in lines if line.startswith("MemAvailable:"))
        return min(int(told.split()[1]) * 1024, _left_in_container())
    except (OSError, StopIteration):
        return 4 * 2**30


def _left_in_container() -> int:
    """By cgroup v2; a machine without limits has none."""
    try:
        most, used = ((CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return sys.maxsize if most == "max" else max(0, int(most) - int(used))
    except (OSError, ValueError):
        return sys.maxsize


def decoding(vae: Any, count: int, width: int, height: int, free: int) -> Decoding:
    """The fastest way to decode `count` images of this size (px) that fits into `free` bytes."""
    widest = 2 * vae.config.block_out_channels[0]
    one = width * height * widest * COPIES * vae.dtype.itemsize
    if one > RESERVE * free:
        return "tiled"
    return "whole" if count * one <= RESERVE * free else "sliced"


def decode_as(vae: Any, way: Decoding) -> None:
    """Make the next decoding go this way."""
    (vae.enable_slicing if way != "whole" else vae.disable_slicing)()
    (vae.enable_tiling if way == "tiled" else vae.disable_tiling)()
