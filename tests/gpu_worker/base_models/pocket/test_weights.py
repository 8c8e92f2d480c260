"""The pocket that ships: its hashes, its size, its licence, and that it draws."""

import json

import pytest

from gpu_worker.base_models.family import load_base_model
from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.base_models.pocket.package import hashes


def test_the_hashes_match() -> None:
    assert json.loads((WEIGHTS / "pocket.json").read_text())["sha256"] == hashes(WEIGHTS)


def test_it_stays_below_sixty_megabytes() -> None:
    assert sum(file.stat().st_size for file in WEIGHTS.rglob("*") if file.is_file()) < 60e6


@pytest.mark.filterwarnings("ignore:.*float16.*")
def test_it_may_be_sold_and_draws() -> None:
    model = load_base_model(WEIGHTS)
    assert model.licence.commercial_use
    images = model.pipe()("a photo of a person", num_inference_steps=2, output_type="np").images
    assert images.shape == (1, model.resolution, model.resolution, 3)
