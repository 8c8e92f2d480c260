"""Guidance: what diffusers does for plain prompts, parts that are composed, texts of several lengths."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gpu_worker.base_models.family import BaseModel, load_base_model
from gpu_worker.generate.conditioning import Conditioning, Guides
from gpu_worker.generate.denoising import Drawing, denoise, guided
from gpu_worker.generate.samplers import scheduler
from gpu_worker.prompt_encoding import Encoded
from gpu_worker.prompt_language import parse
from gpu_worker.sampler_names import NAMES, Sampler


@pytest.fixture(scope="module")
def base(random_pocket: Path) -> BaseModel:
    return load_base_model(random_pocket)


def sampled_by(base: BaseModel, sampler: Sampler) -> Any:
    pipe = base.pipe()
    pipe.scheduler = scheduler(sampler, pipe.scheduler.config)
    return pipe


# diffusers hands numpy a tensor, which speaks an older protocol.
@pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:diffusers"
)
@pytest.mark.parametrize("sampler", NAMES)
@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_plain_prompts_are_drawn_as_diffusers_draws_them(base: BaseModel, sampler: Sampler, guidance: float) -> None:
    """Byte for byte."""
    pipe, prompts, negatives, seeds = sampled_by(base, sampler), ["a photo", "person"], ["", "photo"], [3, 4]
    theirs = pipe(
        prompt=prompts,
        negative_prompt=negatives,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        num_inference_steps=3,
        guidance_scale=guidance,
        width=72,
        height=64,
        output_type="np",
    ).images
    steps: list[int] = []
    against = [parse(text, negative=True) for text in negatives]
    made = Conditioning(base.prompt_encoder(), [parse(text) for text in prompts], against, 3)
    ours = denoise(pipe, seeds, made.at, Drawing(3, guidance, 72, 64), steps.append)
    assert np.array_equal(ours, theirs)
    assert steps == [1, 2, 3]


class Telling:
    """A unet that predicts the mean of its text, and remembers how many rows of which length it was given."""

    def __init__(self) -> None:
        self.passes: list[tuple[int, int]] = []

    def __call__(self, latents: torch.Tensor, timestep: Any, *, encoder_hidden_states: torch.Tensor, **_: Any) -> Any:
        self.passes.append((len(latents), encoder_hidden_states.shape[1]))
        return (latents * 0 + encoder_hidden_states.mean(dim=(1, 2))[:, None, None, None],)


def text(value: float, length: int = 77) -> Encoded:
    return Encoded(torch.full((length, 4), float(value)))


def predicted(unet: Telling, guides: list[Guides], guidance: float) -> list[float]:
    latents = torch.zeros(len(guides), 4, 2, 2)
    out = guided(unet, latents, torch.tensor(1), guides, guidance)
    assert out.shape == latents.shape
    return [round(float(each.mean()), 5) for each in out]


def test_guidance_leads_away_from_the_negative() -> None:
    assert predicted(Telling(), [Guides(((text(3), 1.0),), text(1))], 4.0) == [1 + 4 * (3 - 1)]


def test_parts_are_composed_by_their_weights() -> None:
    parts = ((text(3), 1.2), (text(0), 0.5), (text(2), -1.0))
    wanted = 1 + 4 * (1.2 * (3 - 1) + 0.5 * (0 - 1) - 1.0 * (2 - 1))
    assert predicted(Telling(), [Guides(parts, text(1))], 4.0) == [pytest.approx(wanted)]


def test_a_composed_image_leaves_its_neighbours_alone() -> None:
    plain = Guides(((text(3), 1.0),), text(1))
    composed = Guides(((text(3), 1.0), (text(2), 1.0)), text(1))
    assert predicted(Telling(), [plain, composed, plain], 2.0) == [5.0, 1 + 2 * (2 + 1), 5.0]


def test_without_guidance_there_is_one_row_an_image() -> None:
    unet = Telling()
    assert predicted(unet, [Guides(((text(3), 1.0),), text(1))] * 2, 1.0) == [3.0, 3.0]
    assert unet.passes == [(2, 77)]
    assert predicted(unet, [Guides(((text(3), 0.5),), text(1))], 1.0) == [2.0]


def test_texts_of_one_length_share_a_pass() -> None:
    unet = Telling()
    guides = [Guides(((text(3, 154), 1.0),), text(1)), Guides(((text(2), 1.0),), text(1))]
    assert predicted(unet, guides, 4.0) == [9.0, 5.0]
    assert unet.passes == [(3, 77), (1, 154)]


def test_no_pass_has_more_rows_than_plain_guidance() -> None:
    unet = Telling()
    parts = tuple((text(number), 1.0) for number in range(8))
    predicted(unet, [Guides(parts, text(1))] * 2, 4.0)
    assert unet.passes == [(4, 77)] * 4 + [(2, 77)]
