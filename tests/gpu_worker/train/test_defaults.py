"""What is usual for each family and method; what a job asks for goes first."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gpu_worker.base_models.family import FAMILIES
from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.train import TrainConfig
from gpu_worker.train.defaults import USUAL, training_defaults


def folder_of(where: Path, pipe: str) -> str:
    (where / "model_index.json").write_text(json.dumps({"_class_name": pipe}))
    return str(where)


def test_pocket_learns_faster() -> None:
    usual = TrainConfig.from_params({})
    assert usual.method == "lora"
    assert usual.learning_rate > 1e-4
    assert TrainConfig.from_params({"method": "full"}).learning_rate < usual.learning_rate


def test_pocket_is_trained_as_it_was_measured() -> None:
    """Tricks that nobody measured on it are off."""
    usual = TrainConfig.from_params({})
    assert (usual.max_train_steps, usual.rank, usual.train_batch_size, usual.num_class_images) == (300, 32, 6, 44)
    assert (usual.snr_gamma, usual.noise_offset, usual.caption_dropout, usual.use_ema) == (None, 0, 0, False)
    assert (usual.background_loss_weight, usual.train_text_encoder_frac, usual.use_dora) == (0.1, 1, False)


def test_every_family_has_settings_and_each_of_them_is_one() -> None:
    assert {pipe for pipe, _ in USUAL} == set(FAMILIES)
    for usual in USUAL.values():
        assert set(usual) <= set(TrainConfig.model_fields)
        TrainConfig.model_validate(usual)


@pytest.mark.parametrize(("pipe", "method"), USUAL)
def test_a_folder_tells_its_family(tmp_path: Path, pipe: str, method: Any) -> None:
    config = TrainConfig.from_params({"base_model": folder_of(tmp_path, pipe), "method": method})
    for name, value in USUAL[pipe, method].items():
        assert getattr(config, name) == value


@pytest.mark.parametrize("told", ["", "[]", "[" * 100_000, "\0", '{"_class_name": 7}'])
def test_a_folder_that_tells_nothing_gets_what_is_usual_of_all(tmp_path: Path, told: str) -> None:
    (tmp_path / "model_index.json").write_text(told)
    assert training_defaults(str(tmp_path), None) == {"method": "lora"}


@pytest.mark.parametrize("asked", [{}, {"optimizer": "prodigy"}, {"rank": 3, "method": "lora", "seed": None}])
def test_a_repository_that_was_opened_gets_what_a_folder_of_its_family_gets(tmp_path: Path, asked: Any) -> None:
    folder = folder_of(tmp_path, "FluxPipeline")
    opened = TrainConfig.from_params({"base_model": "owner/name"} | asked).of_pipe("FluxPipeline")
    assert opened.model_copy(update={"base_model": folder}) == TrainConfig.from_params({"base_model": folder} | asked)


def test_a_repository_is_taken_for_stable_diffusion_until_it_is_opened() -> None:
    assert TrainConfig.from_params({"base_model": "owner/name"}).learning_rate == 1e-4
    assert TrainConfig.from_params({"base_model": "owner/name", "method": "full"}).learning_rate == 2e-6
    assert TrainConfig.from_params({"base_model": "owner/name"}).snr_gamma == 5


@pytest.mark.parametrize(("photos", "steps"), [(1, 800), (8, 800), (10, 1000), (16, 1600), (40, 1600)])
def test_train_steps_go_with_the_photos(photos: int, steps: int) -> None:
    config = TrainConfig.from_params({"base_model": "owner/name"})
    assert config.steps_for(photos) == steps
    assert config.model_copy(update={"max_train_steps": 7}).steps_for(photos) == 7


def test_train_steps_are_scaled_by_base_model(tmp_path: Path) -> None:
    larger = TrainConfig.from_params({"base_model": folder_of(tmp_path, "FluxPipeline")})
    assert [larger.steps_for(photos) for photos in (4, 12, 40)] == [1000, 1500, 2000]


def test_what_a_job_asks_for_goes_first() -> None:
    asked = TrainConfig.from_params({"learning_rate": 0.5, "style": "demo", "rank": None})
    assert (asked.learning_rate, asked.rank) == (0.5, training_defaults(str(WEIGHTS), None)["rank"])


def test_class_prompts_cover_every_scene_and_name_no_identifier() -> None:
    config = TrainConfig.from_params({"class_noun": "woman"})
    prompts = [config.prompt(template) for template in config.class_prompts]
    assert prompts[0] == "a photo of a woman"
    assert len(set(prompts)) == 11
    assert not any("sks" in prompt or "{" in prompt for prompt in prompts)


@pytest.mark.parametrize("side", [4, 511, 516.5])
def test_a_resolution_is_a_multiple_of_8(side: float) -> None:
    with pytest.raises(ValidationError, match="resolution"):
        TrainConfig.from_params({"resolution": side})


def test_8_bits_go_with_adamw_alone() -> None:
    assert TrainConfig.from_params({"use_8bit_adam": True}).use_8bit_adam
    with pytest.raises(ValidationError, match="use_8bit_adam goes with the optimizer adamw, not with prodigy"):
        TrainConfig.from_params({"use_8bit_adam": True, "optimizer": "prodigy"})
