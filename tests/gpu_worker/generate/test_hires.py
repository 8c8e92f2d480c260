"""Drawn small, enlarged, drawn again."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gpu_worker.base_models.family import BaseModel, load_base_model
from gpu_worker.generate.conditioning import Conditioning
from gpu_worker.generate.denoising import Drawing
from gpu_worker.generate.hires import enlarge, enlarged
from gpu_worker.prompt_language import parse

STEPS = 4


@pytest.fixture(scope="module")
def base(random_pocket: Path) -> BaseModel:
    return load_base_model(random_pocket)


@pytest.fixture(scope="module")
def images() -> NDArray[np.float32]:
    return np.random.default_rng(0).random((3, 24, 16, 3), np.float32)


def made(
    base: BaseModel, images: NDArray[np.float32], seeds: list[int], prompts: list[str], told: list[int] | None = None
) -> NDArray[np.float32]:
    """Twice as large; `told` takes what on_step is told."""
    negatives = [parse("", negative=True)] * len(prompts)
    guides = Conditioning(base.prompt_encoder(), [parse(prompt) for prompt in prompts], negatives, STEPS).at
    told = [] if told is None else told
    return enlarge(base.pipe(), images, seeds, guides, Drawing(STEPS, 4.0, 16, 24), 2, 0.5, told.append)


def test_images_are_drawn_at_the_larger_size(base: BaseModel, images: NDArray[np.float32]) -> None:
    large = made(base, images, [1, 2, 3], ["a photo"] * 3)
    assert large.shape == (3, 48, 32, 3)
    assert large.dtype == np.float32
    assert 0 <= large.min() < large.max() <= 1
    assert not np.allclose(large, enlarged(images, 2), atol=0.1)


def test_each_image_keeps_its_own_seed_and_prompt(base: BaseModel, images: NDArray[np.float32]) -> None:
    """Four times the pixels: drawn one by one."""
    prompts = ["a photo", "person", "[a photo:person:3]"]
    together = made(base, images, [1, 2, 3], prompts)
    alone = [made(base, images[n : n + 1], [n + 1], prompts[n : n + 1]) for n in range(3)]
    assert np.array_equal(together, np.concatenate(alone))
    assert not np.allclose(together[:1], made(base, images[:1], [9], prompts[:1]), atol=1e-3)
    assert not np.allclose(together[:1], made(base, images[:1], [1], prompts[1:2]), atol=1e-6)


def test_progress_never_falls_and_ends_with_the_last_step(base: BaseModel, images: NDArray[np.float32]) -> None:
    told: list[int] = []
    made(base, images, [1, 2, 3], ["a photo"] * 3, told)
    assert len(told) == 3 * STEPS // 2
    assert told == sorted(told)
    assert told[-1] == STEPS


def test_no_pass_has_more_pixels_than_the_first_one(base: BaseModel) -> None:
    sizes: list[int] = []
    unet = base.unet.register_forward_pre_hook(lambda _, given: sizes.append(given[0][:, 0].numel()))
    images = np.zeros((5, 16, 16, 3), np.float32)
    made(base, images, [1, 2, 3, 4, 5], ["a photo"] * 5)
    unet.remove()
    assert max(sizes) <= 2 * 5 * 16  # latents, with guidance


@pytest.mark.parametrize(
    ("size", "scale", "wanted"), [((64, 64), 2.0, (128, 128)), ((24, 16), 1.5, (32, 24)), ((8, 512), 1.01, (8, 520))]
)
def test_sides_are_multiples_of_eight(size: tuple[int, int], scale: float, wanted: tuple[int, int]) -> None:
    assert enlarged(np.zeros((2, *size, 3), np.float32), scale).shape == (2, *wanted, 3)


def test_enlarging_alone_changes_no_colours() -> None:
    flat = np.full((1, 16, 16, 3), (0.2, 0.5, 1.0), np.float32)
    large = enlarged(flat, 2)
    assert large.max() <= 1
    assert np.allclose(large, flat[0, 0, 0], atol=1e-5)
