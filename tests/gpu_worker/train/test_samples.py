"""Samples show what was learnt, and training does not notice that they were drawn."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.base_models.family import BaseModel, load_base_model
from gpu_worker.errors import OutOfMemory
from gpu_worker.train import TrainConfig, samples
from gpu_worker.train.samples import draw, sample_prompts, sample_steps
from gpu_worker.weights import open_base_model
from tests.gpu_worker.base_models import tiny

PROMPTS = ("a photo of a {identifier} {class_noun}", "a photo")
CONFIG = TrainConfig(validation_prompts=PROMPTS, num_validation_images=2, validation_inference_steps=2)


@pytest.fixture
def base(random_pocket: Path) -> BaseModel:
    return open_base_model(str(random_pocket), None, torch.device("cpu"))


def test_each_prompt_is_drawn_so_many_times(base: BaseModel) -> None:
    images = draw(base, CONFIG, 0)
    assert sample_prompts(CONFIG) == ["a photo of a sks person"] * 2 + ["a photo"] * 2
    assert [image.shape for image in images] == [(64, 64, 3)] * 4
    assert all(image.dtype == np.uint8 for image in images)
    assert all((one != other).any() for one, other in pairwise(images))


@pytest.mark.parametrize("build", [tiny.stable_diffusion_xl, tiny.stable_diffusion_3, tiny.flux])
def test_every_family_draws(build: Callable[[Path], Path], tmp_path: Path) -> None:
    base = load_base_model(tiny.seeded(build, tmp_path))
    images = draw(base, CONFIG.model_copy(update={"resolution": 64}), 0)
    assert [image.shape for image in images] == [(64, 64, 3)] * 4
    assert all(np.ptp(image) > 0 for image in images)


def test_the_same_weights_and_seed_draw_the_same(base: BaseModel) -> None:
    first, again, other = draw(base, CONFIG, 0), draw(base, CONFIG, 0), draw(base, CONFIG, 1)
    assert all((one == two).all() for one, two in zip(first, again, strict=True))
    assert any((one != two).any() for one, two in zip(first, other, strict=True))


def test_an_image_does_not_depend_on_its_batch(base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    together = draw(base, CONFIG, 0)
    monkeypatch.setattr(samples, "PIXELS_AT_ONCE", 64 * 64)
    alone = draw(base, CONFIG, 0)
    assert all(np.abs(one.astype(int) - two).max() <= 1 for one, two in zip(together, alone, strict=True))


def test_what_was_learnt_is_seen(base: BaseModel) -> None:
    before = draw(base, CONFIG, 0)
    with torch.no_grad():
        for parameter in base.denoiser.parameters():
            parameter.mul_(1.5)
    assert any((one != two).any() for one, two in zip(before, draw(base, CONFIG, 0), strict=True))


def test_parts_that_do_not_fit_beside_the_training_are_a_lack_of_memory(base: BaseModel) -> None:
    """The VAE left the device so that the training fits; what was moved before it goes back."""
    move = base.vae.to
    refused = [torch.OutOfMemoryError("no memory for the VAE")]

    def to(*given: Any, **named: Any) -> Any:
        if refused:
            raise refused.pop()
        return move(*given, **named)

    base.vae.to = to
    with pytest.raises(OutOfMemory, match="no memory for the VAE"):
        draw(base, CONFIG, 0)
    assert len(draw(base, CONFIG, 0)) == 4


def test_training_does_not_notice(base: BaseModel) -> None:
    unet: Any = base.denoiser
    unet.train()
    unet.mid_block.eval()
    unet.requires_grad_(True)
    pipe = base.pipe()
    pipe.scheduler.set_timesteps(7)
    torch.manual_seed(3)
    found = _state(base, pipe)
    draw(base, CONFIG, 0)
    assert _state(base, pipe) == found
    assert "decode" not in vars(base.vae)
    assert all(parameter.grad is None for parameter in unet.parameters())


def test_all_is_put_back_after_a_failure(base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise RuntimeError("no memory")

    pipe = base.pipe()
    base.denoiser.train()
    found = _state(base, pipe)
    monkeypatch.setattr(base.denoiser, "forward", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        draw(base, CONFIG, 0)
    assert _state(base, pipe) == found


def test_weights_that_diverged_draw_black(base: BaseModel) -> None:
    with torch.no_grad():
        next(base.denoiser.parameters()).fill_(torch.nan)
    assert not np.any(draw(base, CONFIG, 0))


def test_drawing_in_half_precision_decodes_in_full(base: BaseModel) -> None:
    seen = []
    handle = base.vae.decoder.conv_out.register_forward_hook(lambda *told: seen.append(told[2].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        draw(base, CONFIG, 0)
    handle.remove()
    assert set(seen) == {torch.float32}


@given(total=st.integers(1, 3000), every=st.none() | st.integers(1, 4000))
def test_samples_are_drawn_at_the_end_too(total: int, every: int | None) -> None:
    steps = sample_steps(TrainConfig(validation_steps=every), total)
    assert steps[-1] == total
    assert all(0 < one < other for one, other in pairwise(steps))
    assert len(steps) <= 4 if every is None else all(step % every == 0 for step in steps[:-1])


def test_none_are_drawn_when_none_are_wanted() -> None:
    assert sample_steps(TrainConfig(num_validation_images=0), 100) == []


def _state(base: BaseModel, pipe: Any) -> list[Any]:
    modules = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    modes = [
        (module.training, *(p.requires_grad for p in module.parameters()))
        for part in modules
        for module in part.modules()
    ]
    timesteps = pipe.scheduler.timesteps
    return [torch.get_rng_state().tolist(), modes, timesteps.tolist(), next(base.vae.parameters()).device]
