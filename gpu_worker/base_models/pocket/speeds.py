"""`python -m gpu_worker.base_models.pocket.speeds`: what a train step costs on this machine, by shape of the network.

Random weights, random pictures: nothing is learnt. Forward and backward; the optimiser costs a few per cent more.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from gpu_worker.base_models.pocket.architecture import EIGHT_BY_16, FOUR_BY_4, SHAPES, Shape, new_unet, new_vae
from gpu_worker.base_models.pocket.tokenizer import MAX_LENGTH

UNET_BATCH, VAE_BATCH = 16, 8
UNETS = SHAPES | {
    "16 px: 96 160 224, all attend": replace(EIGHT_BY_16, attends=(True, True, True)),
    "16 px: 96 160 256": replace(EIGHT_BY_16, unet_channels=(96, 160, 256)),
    "16 px: 112 160 224": replace(EIGHT_BY_16, unet_channels=(112, 160, 224)),
    "16 px: 96 192": replace(EIGHT_BY_16, unet_channels=(96, 192), attends=(False, True)),
    "32 px: 32 64 128 192": replace(FOUR_BY_4, unet_channels=(32, 64, 128, 192)),
}
VAES = SHAPES | {
    "24 48 64 96": replace(EIGHT_BY_16, vae_channels=(24, 48, 64, 96)),
    "16 48 96 128": replace(EIGHT_BY_16, vae_channels=(16, 48, 96, 128)),
}

Step = Callable[[], None]


def unet_step(shape: Shape, compiled: bool = False, batch: int = UNET_BATCH) -> Step:
    """One forward and backward of a batch through this shape's unet."""
    unet = new_unet(shape).train().to(memory_format=torch.channels_last)
    called = torch.compile(unet) if compiled else unet
    latents = torch.randn(batch, shape.latent_channels, shape.latent_side, shape.latent_side)
    latents = latents.contiguous(memory_format=torch.channels_last)
    words, timesteps = torch.randn(batch, MAX_LENGTH, shape.text_width), torch.randint(0, 1000, (batch,))

    def step() -> None:
        called(latents, timesteps, words, return_dict=False)[0].square().mean().backward()
        unet.zero_grad(set_to_none=True)

    return step


def vae_step(shape: Shape, side: int, compiled: bool = False, batch: int = VAE_BATCH) -> Step:
    """The same through the VAE, with pictures of `side` px."""
    vae = new_vae(shape).train().to(memory_format=torch.channels_last)
    called = torch.compile(vae) if compiled else vae
    images = torch.randn(batch, 3, side, side).contiguous(memory_format=torch.channels_last)

    def step() -> None:
        called(images, return_dict=False)[0].square().mean().backward()
        vae.zero_grad(set_to_none=True)

    return step


def seconds(step: Step, steps: int) -> tuple[float, float]:
    """(by the clock, by the processor over all threads): medians over `steps`, after one that warms up or compiles."""
    taken = []
    for _ in range(steps + 1):
        began, busy = time.perf_counter(), time.process_time()
        step()
        taken.append((time.perf_counter() - began, time.process_time() - busy))
    clock, processor = (statistics.median(times) for times in zip(*taken[1:], strict=True))
    return clock, processor


def lines(compiled: bool) -> dict[str, tuple[Callable[[], Step], int]]:
    """By name what makes the train step, and how many images it sees."""
    told: dict[str, tuple[Callable[[], Step], int]] = {}
    for name, shape in UNETS.items():
        told[f"unet {name}"] = partial(unet_step, shape, compiled), UNET_BATCH
    for name, shape in VAES.items():
        for what, side in (("whole", shape.resolution), ("part", shape.resolution // 2)):
            told[f"vae {name}, {what}"] = partial(vae_step, shape, side, compiled), VAE_BATCH
    return told


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--steps", type=int, default=3, help="that are timed, for each line")
    arguments.add_argument("--only", default="", help="lines that begin with this")
    arguments.add_argument("--compiled", action="store_true", help="through torch.compile")
    given = arguments.parse_args()
    for name, (make, images) in lines(given.compiled).items():
        if name.startswith(given.only):
            clock, processor = (1000 * taken / images for taken in seconds(make(), given.steps))
            sys.stdout.write(f"{name:40} {clock:7.1f} ms an image, {processor:7.1f} ms of processor time\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
