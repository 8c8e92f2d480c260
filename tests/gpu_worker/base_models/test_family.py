"""The one door to base models: what it opens, what it refuses, what it says of a licence."""

import json
from pathlib import Path

import pytest
import torch

from gpu_worker.base_models.family import BaseModel, UnknownFamily, load_base_model
from gpu_worker.base_models.licences import UNKNOWN_LICENCE
from gpu_worker.base_models.pocket.architecture import build


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(0, tmp_path_factory.mktemp("pocket"))


@pytest.fixture(scope="module")
def model(folder: Path) -> BaseModel:
    return load_base_model(folder)


def test_it_knows_its_size_and_prediction(model: BaseModel) -> None:
    assert model.resolution == 64
    assert model.prediction_type == "v_prediction"


def test_prompts_become_embeddings(model: BaseModel) -> None:
    ids = model.tokenize(["a photo of a man", "sks"])
    embeds = model.encode_prompts(["a photo of a man", "sks"]).embeds
    assert ids.shape == embeds.shape[:2]
    assert embeds.shape[2] == model.unet.config.cross_attention_dim


def test_images_become_latents_and_a_loss_each(model: BaseModel) -> None:
    latents = model.encode_images(torch.zeros(2, 3, 64, 64), torch.Generator().manual_seed(0))
    embeds = model.encode_prompts(["", ""])
    one, two = (model.loss_per_image(latents, embeds, torch.Generator().manual_seed(1)).detach() for _ in range(2))
    assert one.shape == (2,)
    assert torch.equal(one, two)


def test_lora_finds_its_modules(model: BaseModel) -> None:
    for part, targets in (
        (model.unet, model.lora_targets["unet"]),
        (model.text_encoder, model.lora_targets["text_encoder"]),
    ):
        names = [name for name, _ in part.named_modules()]
        assert all(any(name.endswith(target) for name in names) for target in targets)


def test_the_pipe_shares_the_parts(model: BaseModel) -> None:
    assert model.pipe().unet is model.unet


def test_a_folder_that_states_no_licence_may_not_be_sold(model: BaseModel) -> None:
    assert model.licence == UNKNOWN_LICENCE
    assert not model.licence.commercial_use


def test_another_pipe_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "DanceDiffusionPipeline"}))
    with pytest.raises(UnknownFamily, match="DanceDiffusionPipeline"):
        load_base_model(tmp_path)


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nothing"):
        load_base_model(tmp_path / "nothing")
