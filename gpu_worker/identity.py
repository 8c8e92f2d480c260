"""Whose face it is: a vector for each face, near for one person and far for two.

No threshold is at home here: it differs by kind of image and is calibrated on known impostors.
"""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpu_worker.faces import Face
from gpu_worker.weight_files import face_weights

LENGTH = 128
MARGIN = 0.6  # face sizes
HEIGHT = 224  # px; the network looks at 112, and a large face made small by one step of it would show jagged edges


def embed_face(image: np.ndarray, face: Face) -> np.ndarray:
    """The face's identity, float32 (128,) of length 1, in an RGB image, uint8 (H, W, 3).

    Method: SFace (Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition", 2021),
    8-bit weights, on the face aligned by its five landmarks.
    """
    recogniser = _recogniser()
    close, landmarks = _close(image, face)
    row = np.array([0, 0, *close.shape[1::-1], *landmarks.ravel(), face.score], np.float32)
    aligned = recogniser.alignCrop(np.ascontiguousarray(close[:, :, ::-1]), row)
    vector = recogniser.feature(aligned)[0]
    return np.asarray(vector / max(1e-9, float(np.linalg.norm(vector))), np.float32)


def _close(image: np.ndarray, face: Face) -> tuple[np.ndarray, np.ndarray]:
    """The face with MARGIN beside it, no more is ever aligned, at most HEIGHT px high; its landmarks there, (5, 2)."""
    import cv2

    beside, above = MARGIN * face.width, MARGIN * face.height
    left, top = max(0, int(face.x - beside)), max(0, int(face.y - above))
    right, bottom = int(face.x + face.width + beside) + 1, int(face.y + face.height + above) + 1
    part, scale = image[top:bottom, left:right], min(1.0, HEIGHT / face.height)
    close = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else part
    return np.asarray(close), (np.array(face.landmarks) - (left, top)) * scale


def robust_mean(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """The identity that most of `vectors` (each (128,), length 1) share, float32 (128,) of length 1.

    Their geometric median, brought to length 1: a few strangers hardly move it. Method: Weiszfeld's algorithm (Vardi
    and Zhang, "The multivariate L1-median and associated data depth", 2000, section 2), twenty steps from the mean.
    """
    together = np.stack(vectors).astype(float)
    median = together.mean(axis=0)
    for _ in range(20):
        near = 1 / np.linalg.norm(together - median, axis=1).clip(1e-6)
        median = near @ together / near.sum()
    return np.asarray(median / max(1e-9, float(np.linalg.norm(median))), np.float32)


_own = threading.local()  # the recogniser keeps state during a call: one for each thread


def _recogniser() -> Any:
    import cv2

    weights = face_weights("face_recognition_sface")
    if getattr(_own, "weights", None) != weights:
        _own.recogniser = cv2.FaceRecognizerSF.create(str(weights), "")
        _own.weights = weights
    return _own.recogniser
