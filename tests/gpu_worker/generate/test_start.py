"""Images drawn again: what diffusers does from the same latents, which steps are left, what masks keep."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import PNDMScheduler, StableDiffusionImg2ImgPipeline
from numpy.typing import NDArray

from gpu_worker.base_models.family import BaseModel, load_base_model
from gpu_worker.generate.conditioning import Conditioning
from gpu_worker.generate.denoising import Drawing, denoise
from gpu_worker.generate.samplers import scheduler
from gpu_worker.generate.start import Start, first_index
from gpu_worker.prompt_language import parse
from gpu_worker.sampler_names import NAMES, Sampler

# Raised inside diffusers, at what numpy 2.4 thinks of torch's tensors.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")

STEPS = 5
SEEDS = [3, 4]


@pytest.fixture(scope="module")
def base(random_pocket: Path) -> BaseModel:
    return load_base_model(random_pocket)


@pytest.fixture(scope="module")
def images() -> NDArray[np.float32]:
    return np.random.default_rng(0).random((2, 48, 64, 3), np.float32)


def sampled_by(base: BaseModel, sampler: Sampler) -> Any:
    pipe = base.pipe()
    pipe.scheduler = scheduler(sampler, pipe.scheduler.config)
    return pipe


def conditioning(base: BaseModel) -> Conditioning:
    return Conditioning(base.prompt_encoder(), [parse("a photo")] * 2, [parse("person", negative=True)] * 2, STEPS)


def drawn(base: BaseModel, sampler: Sampler, start: Start, told: list[int] | None = None) -> NDArray[np.float32]:
    """`told` takes the steps' numbers."""
    drawing, told = Drawing(STEPS, 4.0, None, None), [] if told is None else told
    return denoise(sampled_by(base, sampler), SEEDS, conditioning(base).at, drawing, told.append, start)


def latents(base: BaseModel, images: NDArray[np.float32]) -> torch.Tensor:
    with torch.no_grad():
        mode: torch.Tensor = base.vae.encode(torch.from_numpy(images).permute(0, 3, 1, 2) * 2 - 1).latent_dist.mode()
    return mode


def pixels(base: BaseModel, of: torch.Tensor) -> NDArray[np.float32]:
    with torch.no_grad():
        decoded = base.vae.decode(of).sample
    return np.asarray((decoded / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy(), np.float32)


@pytest.mark.parametrize("sampler", NAMES)
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_images_are_drawn_again_as_diffusers_does(
    base: BaseModel, images: NDArray[np.float32], sampler: Sampler, strength: float
) -> None:
    """Byte for byte, from the same latents and step; diffusers' own latents are drawn by chance."""
    told: list[int] = []
    ours = drawn(base, sampler, Start(images, strength), told)
    pipe = sampled_by(base, sampler)
    parts = {**pipe.components, "requires_safety_checker": False}
    theirs = StableDiffusionImg2ImgPipeline(**parts)  # type: ignore[no-untyped-call]
    theirs.set_progress_bar_config(disable=True)
    wanted = theirs(
        prompt=["a photo"] * 2,
        negative_prompt=["person"] * 2,
        image=latents(base, images),
        strength=(len(told) + 0.5) / STEPS if strength < 1 else 1,
        generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
        num_inference_steps=STEPS,
        guidance_scale=4.0,
        output_type="np",
    ).images
    assert np.array_equal(ours, wanted)


def test_steps_keep_their_numbers(base: BaseModel, images: NDArray[np.float32]) -> None:
    asked: list[int] = []
    told: list[int] = []
    made = conditioning(base)

    def guides(step: int) -> Any:
        asked.append(step)
        return made.at(step)

    pipe = sampled_by(base, "euler")
    denoise(pipe, SEEDS, guides, Drawing(STEPS, 4.0, None, None), told.append, Start(images, 0.6))
    assert asked == told == [3, 4, 5]


def test_no_step_is_beyond_the_last_where_a_sampler_passes_a_level_twice(base: BaseModel) -> None:
    """PNDM is what base models of Stable Diffusion 1.5 come with."""
    asked: list[int] = []
    made, pipe = conditioning(base), base.pipe()
    pipe.scheduler = PNDMScheduler.from_config(pipe.scheduler.config, skip_prk_steps=True)

    def guides(step: int) -> Any:
        asked.append(step)
        return made.at(step)

    denoise(pipe, SEEDS, guides, Drawing(STEPS, 4.0, 32, 32), lambda step: None)
    assert asked == [1, 2, 3, 4, 5, 5]


@pytest.mark.parametrize("sampler", NAMES)
@pytest.mark.parametrize("zero_snr", [False, True])
def test_strength_means_the_same_noise_with_every_sampler(base: BaseModel, sampler: Sampler, zero_snr: bool) -> None:
    config = {**base.pipe().scheduler.config, "rescale_betas_zero_snr": zero_snr}
    made = scheduler(sampler, config)
    made.set_timesteps(20)
    assert 300 < made.timesteps[first_index(made, 0.5)] <= 500
    assert first_index(made, 1.0) == 0
    assert first_index(made, 0.001) == len(made.timesteps) - 1


@pytest.mark.parametrize("sampler", NAMES)
def test_masks_keep_the_images(base: BaseModel, images: NDArray[np.float32], sampler: Sampler) -> None:
    nothing = drawn(base, sampler, Start(images, 0.6, np.zeros(images.shape[:3], np.float32)))
    assert np.allclose(nothing, pixels(base, latents(base, images)), atol=1e-4)
    everything = drawn(base, sampler, Start(images, 0.6, np.ones(images.shape[:3], np.float32)))
    assert np.allclose(everything, drawn(base, sampler, Start(images, 0.6)), atol=1e-3)


def test_only_the_masked_half_changes(base: BaseModel, images: NDArray[np.float32]) -> None:
    """In latents: the VAE's attention carries a little of each to everywhere."""
    decoded: list[torch.Tensor] = []
    watch = base.vae.post_quant_conv.register_forward_pre_hook(lambda _, given: decoded.append(given[0]))
    masks = np.zeros(images.shape[:3], np.float32)
    masks[:, :, :32] = 1
    drawn(base, "euler a", Start(images, 0.8, masks))
    watch.remove()
    changed = (decoded[0] - latents(base, images)).abs()
    assert changed[..., 8:].max() < 1e-6
    assert changed[..., :8].mean() > 0.1


def test_equal_seeds_draw_equal_images(base: BaseModel, images: NDArray[np.float32]) -> None:
    start = Start(images, 0.6)
    assert np.array_equal(drawn(base, "euler a", start), drawn(base, "euler a", start))
