"""Faces are found in portraits and nowhere else."""

import numpy as np
from PIL import Image

from gpu_worker.faces import find_faces


def test_a_portrait_has_one_face(grace_hopper: Image.Image) -> None:
    (face,) = find_faces(np.asarray(grace_hopper))
    assert face.score > 0.9
    assert abs(face.centre[0] - 268) < 15
    assert abs(face.centre[1] - 227) < 15


def test_a_close_up_that_fills_the_frame_is_found(grace_hopper: Image.Image) -> None:
    close = grace_hopper.crop((170, 110, 365, 340)).resize((1560, 1840))
    assert len(find_faces(np.asarray(close))) == 1


def test_two_people_are_two_faces_largest_first(grace_hopper: Image.Image, astronaut: Image.Image) -> None:
    both = np.hstack([np.asarray(astronaut), np.asarray(grace_hopper)[:512]])
    first, second = find_faces(both)
    assert first.height > second.height
    assert first.x > 512 > second.x


def test_coffee_has_no_face(coffee: Image.Image) -> None:
    assert find_faces(np.asarray(coffee)) == []
