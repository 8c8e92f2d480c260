"""Every sampler by name: it draws, and it is what readers of an image's parameters think it is."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from gpu_worker.generate import GenerateConfig, generate_images
from gpu_worker.generate.samplers import TITLES, scheduler, title
from gpu_worker.images import read_rgb
from gpu_worker.sampler_names import NAMES, Sampler
from tests.gpu_worker.generate.test_delivery import Judging

CONFIG = {"_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "prediction_type": "v_prediction"}


def test_names_draw_otherwise(tmp_path: Path, random_pocket: Path) -> None:
    """All but those that are one sampler under two names."""
    drawn = {}
    for name in NAMES:
        folder = tmp_path / name
        folder.mkdir()
        config = GenerateConfig(
            base_model=str(random_pocket), prompts=("{token}",), num_inference_steps=4, sampler=name
        )
        generate_images(tmp_path, folder, config, judge=Judging(lambda number: True))
        drawn[name] = read_rgb(folder / "001.png").tobytes()
    assert drawn["dpm++"] == drawn["dpm++ 2m"]
    assert len(set(drawn.values())) == len(NAMES) - 1


@pytest.mark.parametrize("name", NAMES)
def test_it_ends_where_training_reached_pure_noise(random_pocket: Path, tmp_path: Path, name: Sampler) -> None:
    """As pocket did: Karras' first levels then round to one timestep, and counting from the second would overrun."""
    base = shutil.copytree(random_pocket, tmp_path / "base")
    file = base / "scheduler/scheduler_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"rescale_betas_zero_snr": True}))
    config = GenerateConfig(base_model=str(base), prompts=("{token}",), num_inference_steps=30, sampler=name)
    generate_images(tmp_path, tmp_path, config, judge=Judging(lambda number: True))
    assert (tmp_path / "001.png").is_file()


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


def test_lcm_takes_no_more_steps_than_it_was_distilled_from() -> None:
    assert GenerateConfig(sampler="lcm", num_inference_steps=50).num_inference_steps == 50
    with pytest.raises(ValidationError, match=r"num_inference_steps: the sampler lcm takes at most 50"):
        GenerateConfig(sampler="lcm", num_inference_steps=51)
