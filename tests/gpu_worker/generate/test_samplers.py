"""Every sampler by name: it draws, and it is what readers of an image's parameters think it is."""

from pathlib import Path

import numpy as np
import pytest

from gpu_worker.generate import GenerateConfig, generate_images
from gpu_worker.generate.samplers import TITLES, scheduler, title
from gpu_worker.images import read_rgb
from gpu_worker.sampler_names import NAMES, Sampler
from tests.gpu_worker.generate.test_delivery import Judging

CONFIG = {"_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "prediction_type": "v_prediction"}


@pytest.mark.parametrize("name", NAMES)
def test_it_draws_by_its_name(tmp_path: Path, random_pocket: Path, name: Sampler) -> None:
    images = {}
    for sampler in (name, None):
        (tmp_path / str(sampler)).mkdir()
        config = GenerateConfig(
            base_model=str(random_pocket), prompts=("{token}",), num_inference_steps=4, sampler=sampler
        )
        generate_images(tmp_path, tmp_path / str(sampler), config, judge=Judging(lambda number: True))
        images[sampler] = read_rgb(tmp_path / str(sampler) / "001.png")
    assert images[name].std() > 1
    assert (name == "ddim") == bool(np.array_equal(images[name], images[None]))


def test_karras_spaces_noise_levels_otherwise() -> None:
    plain, karras = (scheduler(name, CONFIG) for name in ("dpm++ 2m", "dpm++ 2m karras"))
    for each in (plain, karras):
        each.set_timesteps(10)
    assert plain.config.prediction_type == karras.config.prediction_type == "v_prediction"
    assert not np.allclose(plain.sigmas, karras.sigmas)


def test_titles() -> None:
    assert set(TITLES) == set(NAMES)
    assert title("dpm++ 2m karras", CONFIG) == "DPM++ 2M Karras"
    assert title(None, CONFIG) == "DDIM"
    assert title(None, {"_class_name": "HeunDiscreteScheduler"}) == "HeunDiscreteScheduler"
