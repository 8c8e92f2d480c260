"""Latents of instance images: seeded, each image encoded once, never too many at a time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from gpu_worker.base_models.family import BaseModel
from gpu_worker.device import pick_device
from gpu_worker.train.latents import Latents, batch_size, in_batches, to_tensor
from gpu_worker.weights import open_base_model


@pytest.fixture(scope="module")
def base(random_pocket: Path) -> BaseModel:
    """A small base model."""
    return open_base_model(str(random_pocket), None, pick_device())


@pytest.fixture
def encoded(base: BaseModel) -> Iterator[list[int]]:
    """How many images the VAE took, each time it was asked."""
    sizes: list[int] = []
    handle = base.vae.encoder.register_forward_hook(lambda part, given, result: sizes.append(len(given[0])))
    yield sizes
    handle.remove()


def image(brightness: int) -> np.ndarray:
    return np.full((64, 64, 3), brightness, np.uint8)


def test_to_tensor() -> None:
    tensor = to_tensor(np.array([[[[0, 255, 51]]]], np.uint8))
    assert tensor.flatten().tolist() == pytest.approx([-1, 1, -0.6])
    assert tensor.shape == (1, 3, 1, 1)


def test_latents_are_seeded(base: BaseModel) -> None:
    first, again, other = (Latents(base, seed).of([image(0), image(9)]) for seed in (0, 0, 1))
    assert first.shape == (2, 4, 16, 16)
    assert (first.dtype, first.device.type) == (torch.float32, "cpu")
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_identical_images_are_encoded_once(base: BaseModel, encoded: list[int]) -> None:
    encoder = Latents(base, 0)
    first = encoder.of([image(1), image(2), image(1)])
    second = encoder.of([image(2), image(1)])
    third = encoder.of([image(3), image(2)])
    assert encoded == [2, 1]
    assert torch.equal(first, torch.stack([second[1], second[0], second[1]]))
    assert torch.equal(third[1], second[0])
    assert not torch.equal(first[0], first[1])


def test_large_images_go_in_smaller_batches() -> None:
    assert [batch_size(side) for side in (64, 512, 768, 1024, 4096)] == [8, 8, 3, 2, 1]


def test_batches_are_asked_for_one_by_one() -> None:
    asked: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(5):
            asked.append(number)
            yield number

    batches = in_batches(numbers(), 2)
    assert next(batches) == [0, 1]
    assert asked == [0, 1]
    assert list(batches) == [[2, 3], [4]]
