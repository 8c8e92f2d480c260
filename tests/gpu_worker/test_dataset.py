"""Variants of instance images, and class images that are drawn once."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gpu_worker.dataset import class_latents, encode, instance_variants, to_tensor
from gpu_worker.device import pick_device
from gpu_worker.images import write_png
from gpu_worker.stage import silent
from gpu_worker.weights import open_base_model

RED, BLUE = np.array([200, 0, 0], np.uint8), np.array([0, 0, 200], np.uint8)


@pytest.fixture
def red_person_in_blue_room(tmp_path: Path) -> tuple[Path, Path]:
    """The folders preprocess/ and matte/ with one photo: a red square on blue."""
    photo = np.tile(BLUE, (96, 96, 1))
    photo[30:66, 30:66] = RED
    alpha = (photo[:, :, 0] > 0).astype(np.uint8) * 255
    for folder in ("preprocess/instance", "matte/cutout"):
        (tmp_path / folder).mkdir(parents=True)
    write_png(photo, tmp_path / "preprocess/instance/001.png")
    write_png(np.dstack([np.tile(RED, (96, 96, 1)), alpha]), tmp_path / "matte/cutout/001.png")
    return tmp_path / "preprocess", tmp_path / "matte"


def variants(folders: tuple[Path, Path], probability: float, seed: int = 0) -> np.ndarray:
    return instance_variants(*folders, 32, count=12, background_probability=probability, seed=seed)[0]


def test_the_room_goes_and_the_person_stays(red_person_in_blue_room: tuple[Path, Path]) -> None:
    images = variants(red_person_in_blue_room, 1.0)
    assert images.shape == (12, 32, 32, 3)
    assert np.abs(images[:, 16, 16].astype(int) - RED).max() < 5
    assert len(np.unique(images[:, 1, 1], axis=0)) == 12


def test_without_replacement_the_room_stays(red_person_in_blue_room: tuple[Path, Path]) -> None:
    assert np.abs(variants(red_person_in_blue_room, 0.0)[:, 1, 1].astype(int) - BLUE).max() < 5


def test_without_a_cutout_the_room_stays(red_person_in_blue_room: tuple[Path, Path]) -> None:
    (red_person_in_blue_room[1] / "cutout/001.png").unlink()
    assert np.abs(variants(red_person_in_blue_room, 1.0)[:, 1, 1].astype(int) - BLUE).max() < 5


def test_variants_differ_by_seed_and_only_by_it(red_person_in_blue_room: tuple[Path, Path]) -> None:
    first, again, other = (variants(red_person_in_blue_room, 0.5, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_to_tensor() -> None:
    tensor = to_tensor(np.array([[[[0, 255, 51]]]], np.uint8))
    assert tensor.flatten().tolist() == pytest.approx([-1, 1, -0.6])
    assert tensor.shape == (1, 3, 1, 1)


def test_class_images_are_drawn_once_and_kept(random_pocket: Path, tmp_path: Path) -> None:
    base = open_base_model(str(random_pocket), None, pick_device())
    lines: list[str] = []

    def drawn(prompts: list[str]) -> torch.Tensor:
        return class_latents(
            base,
            "hash",
            prompts,
            count=3,
            inference_steps=2,
            guidance_scale=2.0,
            seed=0,
            shared=tmp_path / "shared",
            on_step=lambda progress, line: lines.append(line),
        )

    first, again = drawn(["a photo of a man"]), drawn(["a photo of a man"])
    assert first.shape == (3, 4, 16, 16)
    assert torch.equal(first, again)
    assert len(lines) == 1
    drawn(["a photo of a woman"])
    assert len(list((tmp_path / "shared").iterdir())) == 2


def test_latents_of_a_class_image_are_those_of_its_picture(random_pocket: Path) -> None:
    """Sampled latents enter training as they are, so they must have the scale that encode gives."""
    base = open_base_model(str(random_pocket), None, pick_device())
    base.vae.register_to_config(scaling_factor=0.5)
    drawn = class_latents(
        base,
        "hash",
        ["a photo of a man"],
        count=1,
        inference_steps=1,
        guidance_scale=1.0,
        seed=0,
        shared=None,
        on_step=silent,
    )
    decoded = base.vae.decode(drawn / base.vae.config.scaling_factor).sample
    via_pipe = base.pipe()(
        prompt=["a photo of a man"],
        generator=[torch.Generator().manual_seed(0)],
        num_inference_steps=1,
        guidance_scale=1.0,
        output_type="pt",
    ).images
    assert torch.allclose((decoded / 2 + 0.5).clamp(0, 1), via_pipe, atol=1e-5)


def test_encode_is_seeded(random_pocket: Path) -> None:
    base = open_base_model(str(random_pocket), None, pick_device())
    images = np.zeros((2, 64, 64, 3), np.uint8)
    assert encode(base, images, 0).shape == (2, 4, 16, 16)
    assert torch.equal(encode(base, images, 0), encode(base, images, 0))
    assert not torch.equal(encode(base, images, 0), encode(base, images, 1))
