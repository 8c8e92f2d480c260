"""What a training learns of a job's folders: latents, their prompts and their weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from gpu_worker.base_models.family import BaseModel
from gpu_worker.device import pick_device
from gpu_worker.errors import BadPhotos
from gpu_worker.stage import OnStep, silent
from gpu_worker.train import TrainConfig
from gpu_worker.train.latents import Latents
from gpu_worker.train.lessons import Lesson, prepare
from gpu_worker.train.variants import draw_variants
from gpu_worker.weights import open_base_model
from tests.gpu_worker.train.drawn_photos import draw_job

SMALL: dict[str, Any] = {"variants_per_photo": 3, "num_class_images": 0, "class_inference_steps": 1}
AS_IT_IS, PLAIN = "a photo of a sks person", "a photo of a sks person, plain background"


@pytest.fixture(scope="module")
def base(random_pocket: Path) -> BaseModel:
    """A small base model of 64 px, latents of 16."""
    return open_base_model(str(random_pocket), None, pick_device())


@pytest.fixture
def encoded(base: BaseModel) -> Iterator[list[int]]:
    """How many images the VAE took, each time it was asked."""
    sizes: list[int] = []
    handle = base.vae.encoder.register_forward_hook(lambda part, given, result: sizes.append(len(given[0])))
    yield sizes
    handle.remove()


def lesson(inputs: Path, base: BaseModel, on_step: OnStep = silent, **changes: Any) -> Lesson:
    return prepare(inputs, base, "hash", TrainConfig(**SMALL | changes), None, on_step)


def shown(of: Lesson) -> list[str]:
    """The prompt of each instance image."""
    return [of.prompts[index] for index in of.instance_prompt]


def test_prompts_say_where_the_background_was_replaced(tmp_path: Path, base: BaseModel) -> None:
    job, config = draw_job(tmp_path / "inputs", photos=4), TrainConfig(**SMALL)
    variants = list(draw_variants(job / "preprocess", job / "matte", 64, config))
    assert {variant.plain for variant in variants} == {False, True}
    prepared = lesson(job, base)
    assert shown(prepared) == [PLAIN if variant.plain else AS_IT_IS for variant in variants]
    assert prepared.instance_prompt.dtype == torch.int64


def test_words_for_plain_backgrounds_can_be_chosen(tmp_path: Path, base: BaseModel) -> None:
    job = draw_job(tmp_path / "inputs")
    words: dict[str, Any] = {"plain_words": " alone, no {class_noun} else", "background_probability": 1}
    assert set(shown(lesson(job, base, **words))) == {f"{AS_IT_IS} alone, no person else"}


def test_latents_are_those_of_the_variants(tmp_path: Path, base: BaseModel) -> None:
    job, config = draw_job(tmp_path / "inputs"), TrainConfig(**SMALL)
    variants = draw_variants(job / "preprocess", job / "matte", 64, config)
    prepared = lesson(job, base)
    assert torch.equal(prepared.instance_latents, Latents(base, 0).of([variant.pixels for variant in variants]))
    assert prepared.class_latents.shape == (0, 4, 16, 16)
    assert len(prepared.class_prompt) == 0


def test_the_subject_weighs_more_than_the_room(tmp_path: Path, base: BaseModel) -> None:
    weights = lesson(draw_job(tmp_path / "inputs", photos=3), base, alpha_dilation=0).instance_weights
    assert weights is not None
    assert weights.shape == (9, 1, 16, 16)
    assert weights.mean(dim=(1, 2, 3)).tolist() == pytest.approx([1] * 9, abs=1e-5)
    subject, room = weights[:, 0, 8, 6], weights[:, 0, 1, 1]  # see drawn_photos.SUBJECT
    assert (subject / room).tolist() == pytest.approx([10] * 9, rel=1e-3)


def test_photos_without_a_matte_weigh_everywhere_alike(tmp_path: Path, base: BaseModel) -> None:
    job = draw_job(tmp_path / "inputs", photos=2)
    (job / "matte/cutout/001.png").unlink()
    weights = lesson(job, base).instance_weights
    assert weights is not None
    assert torch.equal(weights[:3], torch.ones(3, 1, 16, 16))
    assert weights[3:].std() > 0.1


def test_nothing_is_weighed_without_mattes_or_without_wish(tmp_path: Path, base: BaseModel) -> None:
    assert lesson(draw_job(tmp_path / "plain", matted=False), base).instance_weights is None
    assert lesson(draw_job(tmp_path / "matted"), base, background_loss_weight=1).instance_weights is None


def test_caption_dropout_has_an_empty_prompt(tmp_path: Path, base: BaseModel) -> None:
    job = draw_job(tmp_path / "inputs")
    usual, dropping = lesson(job, base), lesson(job, base, caption_dropout=0.1)
    assert usual.empty_prompt is None
    assert "" not in usual.prompts
    assert dropping.empty_prompt is not None
    assert dropping.prompts[dropping.empty_prompt] == ""
    assert shown(dropping) == shown(usual)


def test_class_images_have_their_prompts_in_turn(tmp_path: Path, base: BaseModel) -> None:
    prompts = ("a photo of a {class_noun}", "a painting of a {class_noun}")
    prepared = lesson(
        draw_job(tmp_path / "inputs"), base, num_class_images=3, class_prompts=prompts, caption_dropout=0.5
    )
    assert prepared.class_latents.shape == (3, 4, 16, 16)
    told = [prepared.prompts[index] for index in prepared.class_prompt]
    assert told == ["a photo of a person", "a painting of a person", "a photo of a person"]


def test_made_photos_are_learnt_from_too(tmp_path: Path, base: BaseModel) -> None:
    prepared = lesson(draw_job(tmp_path / "inputs", photos=1, made=2), base)
    assert len(prepared.instance_latents) == 9
    assert shown(prepared)[3:] == [AS_IT_IS] * 6
    assert prepared.instance_weights is not None
    assert (prepared.instance_weights.flatten(1).std(dim=1) > 0.1).all()


def test_the_same_job_is_prepared_the_same(tmp_path: Path, base: BaseModel) -> None:
    job = draw_job(tmp_path / "inputs", photos=2)
    first, again, other = (lesson(job, base, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.instance_latents, again.instance_latents)
    assert torch.equal(first.instance_prompt, again.instance_prompt)
    assert not torch.equal(first.instance_latents, other.instance_latents)


def test_pixels_of_a_whole_set_are_never_held(tmp_path: Path, base: BaseModel, encoded: list[int]) -> None:
    """The ninth photo is opened only when the VAE has done the first eight."""
    job = draw_job(tmp_path / "inputs", photos=9, matted=False)
    (job / "preprocess/instance/009.png").write_bytes(b"broken")
    with pytest.raises(OSError, match="cannot identify"):
        lesson(job, base, variants_per_photo=1)
    assert encoded == [8]


def test_progress_is_told_between_batches(tmp_path: Path, base: BaseModel) -> None:
    heard: list[tuple[float, str]] = []
    job = draw_job(tmp_path / "inputs", photos=6, matted=False)
    lesson(job, base, lambda progress, line: heard.append((progress, line)), num_class_images=1)
    assert [line for _, line in heard] == ["encoded 8/18 variants", "encoded 16/18 variants", "class image 1/1"]
    assert [progress for progress, _ in heard] == sorted(progress for progress, _ in heard)
    assert heard[-1][0] <= 1


def test_nothing_is_learnt_of_no_photo(tmp_path: Path, base: BaseModel) -> None:
    with pytest.raises(BadPhotos) as refused:
        lesson(draw_job(tmp_path / "inputs", photos=0), base)
    assert refused.value.code == "too_few_photos"
