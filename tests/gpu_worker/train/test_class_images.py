"""Class images are drawn once for all customers, piece by piece, and what spoils a training is never shared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from gpu_worker.base_models.family import BaseModel
from gpu_worker.errors import BadWeights, OutOfMemory
from gpu_worker.shared_folder import SharedFolder
from gpu_worker.stage import SharedContent, silent
from gpu_worker.train import class_images
from gpu_worker.train.class_images import class_latents
from gpu_worker.train.config import TrainConfig
from gpu_worker.weights import open_base_model


class Stopped(Exception):
    """What an on_step raises to end a stage."""


class Counted:
    """A shared folder that remembers what was asked for, and what had to be made."""

    def __init__(self, folder: Path) -> None:
        self._folder = SharedFolder(folder)
        self.asked: list[str] = []
        self.made: list[str] = []

    def once(self, name: str, make: Callable[[Path], None], on_wait: Callable[[], None]) -> Path:
        def counted(path: Path) -> None:
            self.made.append(name)
            make(path)

        self.asked.append(name)
        return self._folder.once(name, counted, on_wait)


@pytest.fixture
def base(random_pocket: Path, monkeypatch: pytest.MonkeyPatch) -> BaseModel:
    """A fresh one; pieces of two class images."""
    monkeypatch.setattr(class_images, "PIECE", 2)
    return open_base_model(str(random_pocket), None, torch.device("cpu"))


def config(**changes: Any) -> TrainConfig:
    few = {"num_class_images": 3, "class_inference_steps": 2, "class_guidance_scale": 2.0, "class_noun": "man"}
    return TrainConfig.model_validate(few | changes)


def drawn(base: BaseModel, settings: TrainConfig, shared: SharedContent | None = None) -> torch.Tensor:
    return class_latents(base, "a base", settings, shared, silent)


def test_they_are_drawn_once_and_found_again(base: BaseModel, tmp_path: Path) -> None:
    first, second = Counted(tmp_path), Counted(tmp_path)
    latents = drawn(base, config(), first)
    assert latents.shape == (3, 4, 16, 16)
    assert latents.dtype == torch.float32
    assert torch.equal(drawn(base, config(), second), latents)
    assert (len(first.made), second.made) == (2, [])


def test_without_a_place_to_share_they_are_the_same(base: BaseModel, tmp_path: Path) -> None:
    assert torch.equal(drawn(base, config()), drawn(base, config(), SharedFolder(tmp_path)))


def test_what_is_the_customers_own_asks_for_no_others(base: BaseModel, tmp_path: Path) -> None:
    shared = Counted(tmp_path)
    drawn(base, config(), shared)
    drawn(base, config(seed=7, identifier="ohwx", learning_rate=1.0, instance_prompt="{identifier} smiling"), shared)
    assert len(shared.made) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"class_noun": "woman"},
        {"class_prompts": ("a {class_noun}",)},
        {"class_inference_steps": 1},
        {"class_guidance_scale": 3.0},
        {"resolution": 32},
    ],
    ids=str,
)
def test_what_shapes_them_asks_for_others(base: BaseModel, tmp_path: Path, change: dict[str, Any]) -> None:
    shared = Counted(tmp_path)
    drawn(base, config(), shared)
    drawn(base, config(**change), shared)
    assert len(set(shared.made)) == 4


def test_another_base_model_or_sampler_asks_for_others(base: Any, tmp_path: Path) -> None:
    shared = Counted(tmp_path)
    drawn(base, config(), shared)
    class_latents(base, "another base", config(), shared, silent)
    base.inference_scheduler = type(base.inference_scheduler).from_config(
        base.inference_scheduler.config, timestep_spacing="leading"
    )
    drawn(base, config(), shared)
    assert len(set(shared.made)) == 6


def test_more_of_them_begin_with_those_that_are_there(base: BaseModel, tmp_path: Path) -> None:
    shared = Counted(tmp_path)
    few = drawn(base, config(num_class_images=2), shared)
    more = drawn(base, config(num_class_images=4), shared)
    assert torch.equal(more[:2], few)
    assert len(shared.made) == 2


def test_prompts_take_turns_across_pieces(base: BaseModel) -> None:
    both = drawn(base, config(class_prompts=("a man", "a woman in the snow"), num_class_images=4))
    alone = drawn(base, config(class_prompts=("a man",), num_class_images=4))
    same = [torch.allclose(left, right, atol=1e-5) for left, right in zip(both, alone, strict=True)]
    assert same == [True, False, True, False]


def test_every_inference_step_is_told_and_may_stop_it(base: BaseModel, tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    class_latents(base, "a base", config(), None, lambda progress, line: told.append((progress, line)))
    assert [progress for progress, _ in told] == pytest.approx([1 / 3, 2 / 3, 5 / 6, 1])
    assert told[-1][1] == "class image 3/3"

    def stop(progress: float, line: str) -> None:
        if progress > 2 / 3:
            raise Stopped

    with pytest.raises(Stopped):
        class_latents(base, "a base", config(), SharedFolder(tmp_path), stop)
    later = Counted(tmp_path)
    drawn(base, config(), later)
    assert (len(later.asked), len(later.made)) == (2, 1)  # the first piece was kept


def test_who_waits_for_another_job_tells_so(base: BaseModel, tmp_path: Path) -> None:
    class Busy(Counted):
        def once(self, name: str, make: Callable[[Path], None], on_wait: Callable[[], None]) -> Path:
            on_wait()
            return super().once(name, make, on_wait)

    told: list[tuple[float, str]] = []
    shared = Busy(tmp_path)
    drawn(base, config(), shared)
    class_latents(base, "a base", config(), shared, lambda progress, line: told.append((progress, line)))
    assert told == [
        (0.0, "another job draws class images 1-2"),
        (pytest.approx(2 / 3), "another job draws class images 3-3"),
    ]


def test_latents_are_those_of_the_picture(base: Any) -> None:
    """Drawn latents enter training as they are, so they must have the scale that encode_images gives."""
    base.vae.register_to_config(scaling_factor=0.5)
    latents = drawn(base, config(num_class_images=1))
    decoded = base.vae.decode(latents / base.vae.config.scaling_factor).sample
    picture = base.pipe()(
        prompt=["a photo of a man"],
        generator=[torch.Generator().manual_seed(0)],
        num_inference_steps=2,
        guidance_scale=2.0,
        output_type="pt",
    ).images
    assert torch.allclose((decoded / 2 + 0.5).clamp(0, 1), picture, atol=1e-5)


def test_what_is_no_number_is_not_shared(base: Any, tmp_path: Path) -> None:
    with torch.no_grad():
        base.unet.conv_out.bias.fill_(float("nan"))
    with pytest.raises(BadWeights, match="not numbers"):
        drawn(base, config(), SharedFolder(tmp_path))
    assert not list(tmp_path.glob("*.safetensors"))


class Cramped:
    """A pipe on a gpu that has room for so many images at once."""

    def __init__(self, pipe: Any, room: int) -> None:
        self._pipe, self._room = pipe, room

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipe, name)

    def __call__(self, **told: Any) -> Any:
        if len(told["prompt"]) > self._room:
            raise torch.OutOfMemoryError("no room")
        return self._pipe(**told)


def test_where_memory_is_short_they_are_drawn_in_smaller_batches(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_images, "PIECE", 3)
    whole, pipe = drawn(base, config()), base.pipe()
    monkeypatch.setattr(base, "pipe", lambda: Cramped(pipe, 1))
    assert torch.allclose(drawn(base, config()), whole, atol=1e-5)
    monkeypatch.setattr(base, "pipe", lambda: Cramped(pipe, 0))
    with pytest.raises(OutOfMemory):
        drawn(base, config())


def test_only_latents_are_kept(base: BaseModel, tmp_path: Path) -> None:
    drawn(base, config(), SharedFolder(tmp_path))
    assert {key for path in tmp_path.glob("*.safetensors") for key in load_file(path)} == {"latents"}
