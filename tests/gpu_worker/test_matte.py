"""Alphas of real portraits."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu_worker.errors import BadWeights
from gpu_worker.images import write_png
from gpu_worker.matte import MatteConfig, matte_photos
from gpu_worker.preprocess import PreprocessConfig, preprocess_photos

Folders = tuple[Path, Path]


@pytest.fixture(scope="module")
def matted(tmp_path_factory: pytest.TempPathFactory, grace_hopper: Image.Image, astronaut: Image.Image) -> Path:
    """Both portraits through preprocess and matte: a folder that holds both stages' outputs."""
    inputs = tmp_path_factory.mktemp("matted")
    (inputs / "photos").mkdir()
    grace_hopper.save(inputs / "photos" / "001-grace.png")
    astronaut.save(inputs / "photos" / "002-astronaut.png")
    for stage in ("preprocess", "matte"):
        (inputs / stage).mkdir()
    preprocess_photos(inputs, inputs / "preprocess", PreprocessConfig(min_photos=2, same_person=-1))
    matte_photos(inputs, inputs / "matte", MatteConfig())
    return inputs


def test_faces_are_opaque_and_top_corners_clear(matted: Path) -> None:
    photos = json.loads((matted / "preprocess" / "report.json").read_text())["photos"]
    for photo in photos:
        alpha = np.asarray(Image.open(matted / "matte" / "alpha" / f"{photo['number']:03d}.png")) / 255
        side = len(alpha)
        x, y, width, height = (round(share * side) for share in photo["face_in_crop"])
        assert alpha[y : y + height, x : x + width].mean() >= 0.95
        corner = side // 8
        assert alpha[:corner, :corner].mean() <= 0.05
        assert alpha[:corner, -corner:].mean() <= 0.05


def test_cutouts_carry_the_alpha_and_the_subjects_colours(matted: Path) -> None:
    for path in (matted / "matte" / "cutout").iterdir():
        with Image.open(path) as image:
            assert image.mode == "RGBA"
            cutout = np.asarray(image)
        photo = np.asarray(Image.open(matted / "preprocess" / "instance" / path.name))
        alpha = np.asarray(Image.open(matted / "matte" / "alpha" / path.name))
        assert np.array_equal(cutout[:, :, 3], alpha)
        inside = alpha == 255
        assert np.abs(cutout[inside][:, :3].astype(int) - photo[inside]).mean() < 2


def test_without_a_person_the_photo_stays_whole(stage_folders: Folders) -> None:
    inputs, outputs = stage_folders
    (inputs / "preprocess" / "instance").mkdir(parents=True)
    write_png(np.full((256, 256, 3), 90, np.uint8), inputs / "preprocess" / "instance" / "001.png")
    told = {"photos": [], "set": {"verdict": "accepted", "findings": [], "advice": ""}}
    (inputs / "preprocess" / "report.json").write_text(json.dumps(told))
    matte_photos(inputs, outputs, MatteConfig())
    assert np.asarray(Image.open(outputs / "alpha" / "001.png")).min() == 255
    assert json.loads((outputs / "report.json").read_text())["photos"][0]["whole"]


def test_the_report_names_the_backend(matted: Path) -> None:
    report = json.loads((matted / "matte" / "report.json").read_text())
    assert report["matting"] == "portrait"
    assert [photo["whole"] for photo in report["photos"]] == [False, False]


def test_a_backend_without_its_weights_writes_nothing(stage_folders: Folders) -> None:
    inputs, outputs = stage_folders
    with pytest.raises(BadWeights, match=r"birefnet-portrait\.onnx"):
        matte_photos(inputs, outputs, MatteConfig(matting="rembg", rembg_weights=str(inputs)))
    assert not any(outputs.iterdir())
