"""A job's photos, refused ones too, become one sheet."""

from pathlib import Path

import numpy as np
from PIL import Image

from gpu_worker.job_photos import job_sheet
from gpu_worker.matte import MatteConfig, matte_photos
from gpu_worker.preprocess import PreprocessConfig, preprocess_photos


def test_every_photo_has_its_card(stage_folders: tuple[Path, Path], grace_hopper: Image.Image) -> None:
    inputs, outputs = stage_folders
    preprocess = inputs / "preprocess"
    grace_hopper.save(inputs / "photos" / "001.jpg")
    preprocess_photos(inputs, preprocess, PreprocessConfig(few_photos=True))
    matte_photos(inputs, outputs / "one", MatteConfig(matting_side=64, few_photos=True, few_photos_size=2))
    one = job_sheet(preprocess, outputs / "one")
    (inputs / "photos" / "002.jpg").write_text("not an image")
    preprocess_photos(inputs, outputs / "preprocess", PreprocessConfig(few_photos=True))
    two = job_sheet(outputs / "preprocess", outputs / "one")
    assert two.height > one.height + 100
    with Image.open(outputs / "one" / "photos.jpg") as kept:
        assert kept.size == one.size
    assert np.asarray(one).std() > 10
    assert (outputs / "one" / "made" / "001.png").is_file()
