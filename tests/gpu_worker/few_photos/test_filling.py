"""One photo becomes a set, in files, each with the recipe that draws it again."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu_worker.few_photos.drawing import draw
from gpu_worker.few_photos.filling import fill_up
from gpu_worker.few_photos.source import Source
from gpu_worker.images import read_rgb, write_png

SIDE = 64
FACE = [0.3, 0.25, 0.4, 0.4]


@pytest.fixture
def stages(tmp_path: Path) -> tuple[Path, Path]:
    """One photo, as preprocess and matte leave it."""
    preprocess, matte = tmp_path / "preprocess", tmp_path / "matte"
    (preprocess / "instance").mkdir(parents=True)
    (matte / "cutout").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    write_png(pixels, preprocess / "instance" / "002.png")
    write_png(np.dstack([pixels, _disc()]), matte / "cutout" / "002.png")
    photos = [{"number": 1, "verdict": "refused"}, {"number": 2, "verdict": "accepted", "face_in_crop": FACE}]
    (preprocess / "report.json").write_text(json.dumps({"photos": photos}))
    return preprocess, matte


def test_one_photo_becomes_a_set_with_recipes(stages: tuple[Path, Path]) -> None:
    assert fill_up(*stages, count=6, seed=3) == 5
    made = stages[1] / "made"
    told = json.loads((made / "recipes.json").read_text())["made"]
    assert [one["photo"] for one in told] == [2] * 5
    with Image.open(stages[1] / "cutout" / "002.png") as cutout:
        subject = np.asarray(cutout)
    source = Source(read_rgb(stages[0] / "instance" / "002.png"), subject[:, :, 3], subject[:, :, :3], tuple(FACE))  # type: ignore[arg-type]  # four of them
    for one in told:
        again = draw(one["recipe"], [source])
        assert np.array_equal(read_rgb(made / one["file"]), again.pixels)
        with Image.open(made / "alpha" / one["file"]) as alpha:
            assert np.array_equal(np.asarray(alpha), again.alpha)


def test_enough_photos_stay_alone(stages: tuple[Path, Path]) -> None:
    assert fill_up(*stages, count=1, seed=3) == 0
    assert not (stages[1] / "made").exists()


def _disc() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.where((x - 32) ** 2 + (y - 32) ** 2 < 400, 255, 0).astype(np.uint8)
