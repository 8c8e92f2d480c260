"""Customers: looks as asked, photos that differ, and the shipped samples."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gpu_worker.base_models.pocket.people import customers
from gpu_worker.base_models.pocket.people.customers import customer, shots, write

SAMPLES = Path(customers.__file__).parent / "samples"


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.usefixtures("drawer")
def test_photos_alphas_and_attributes_are_written(tmp_path: Path) -> None:
    write(customer(5, gender="man", hair_style="bald"), tmp_path, photos=2, size=64)
    about = json.loads((tmp_path / "attributes.json").read_text())
    assert about["class_noun"] == "man"
    assert about["hair_style"] == "bald"
    assert list(about["photos"]) == ["photo-1.jpg", "photo-2.jpg"]
    for number in (1, 2):
        assert pixels(tmp_path / f"photo-{number}.jpg").shape == (64, 64, 3)
        alpha = pixels(tmp_path / f"alpha-{number}.png")
        assert alpha.min() == 0
        assert alpha.max() == 255


@pytest.mark.usefixtures("drawer")
def test_eight_photos_repeat_no_scene_and_hide_no_eyes() -> None:
    planned = shots(customer(5), 8)
    assert len({shot.scene for shot in planned}) == 8
    assert len({shot.mood for shot in planned}) == 4
    assert {shot.glasses for shot in planned} == {"none"}


@pytest.mark.parametrize("name", ["greta", "ruby", "solomon"])
def test_shipped_samples_are_whole(name: str) -> None:
    about = json.loads((SAMPLES / name / "attributes.json").read_text())
    assert len(about["photos"]) == 8
    for photo in about["photos"]:
        path = SAMPLES / name / photo
        assert pixels(path).shape == (512, 512, 3)
        assert path.stat().st_size < 80_000
