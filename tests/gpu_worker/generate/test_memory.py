"""Decoding within what memory is free."""

from pathlib import Path

import pytest
import torch

from gpu_worker.base_models.family import load_base_model
from gpu_worker.generate.memory import decode_as, decoding, free_memory

GIB = 2**30


@pytest.mark.parametrize(
    ("count", "side", "free", "way"),
    [(8, 64, 3 * GIB, "whole"), (8, 512, 3 * GIB, "sliced"), (1, 512, 3 * GIB, "whole"), (1, 2048, 3 * GIB, "tiled")],
)
def test_the_fastest_that_fits(random_pocket: Path, count: int, side: int, free: int, way: str) -> None:
    vae = load_base_model(random_pocket).vae
    scale = 128 / vae.config.block_out_channels[0]
    assert decoding(vae, count, side, side, int(free / scale)) == way


def test_slices_and_tiles_are_switched_off_again(random_pocket: Path) -> None:
    vae = load_base_model(random_pocket).vae
    for way, sliced, tiled in (("sliced", True, False), ("tiled", True, True), ("whole", False, False)):
        decode_as(vae, way)  # type: ignore[arg-type]  # a parametrized literal
        assert (vae.use_slicing, vae.use_tiling) == (sliced, tiled)


def test_there_is_memory() -> None:
    assert free_memory(torch.device("cpu")) > GIB / 4
