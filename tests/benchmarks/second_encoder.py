"""Whose face it is by a second network, which nothing selects images by: benchmarks report it beside the first.

Whoever picks images by one encoder flatters them in its eyes; a second one tells whether they are more alike in truth.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from gpu_worker.faces import Face, find_faces


def distance(image_a: np.ndarray, image_b: np.ndarray) -> float:
    """Euclidean distance between the largest faces of two RGB images, uint8 (H, W, 3); one person's lie below 0.6.

    Method: dlib's ResNet of 128 numbers (King, "High Quality Face Recognition with Deep Metric Learning", 2017; its
    limit of 0.6 is for photographs), aligned by five landmarks: the file with 68 may not be used commercially.
    Raises LookupError when an image shows no face.
    """
    return float(np.linalg.norm(embedded(image_a) - embedded(image_b)))


def embedded(image: np.ndarray) -> np.ndarray:
    """The vector of the largest face in an RGB image, uint8 (H, W, 3): float64 (128,). Raises LookupError without."""
    faces = find_faces(image)
    if not faces:
        raise LookupError("no face in the image")
    pixels = np.ascontiguousarray(image)
    landmarks = _landmarks()(pixels, _box(faces[0]))
    return np.array(_network().compute_face_descriptor(pixels, landmarks))


def _box(face: Face) -> Any:
    """dlib's boxes are square and lie around the middle of the features."""
    import dlib

    half = (face.width + face.height) / 4
    x, y = face.centre
    return dlib.rectangle(*(round(value) for value in (x - half, y - half, x + half, y + half)))


@cache
def _landmarks() -> Any:
    import dlib
    import face_recognition_models as models

    return dlib.shape_predictor(models.pose_predictor_five_point_model_location())


@cache
def _network() -> Any:
    import dlib
    import face_recognition_models as models

    return dlib.face_recognition_model_v1(models.face_recognition_model_location())
