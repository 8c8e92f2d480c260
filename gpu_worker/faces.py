"""Where the faces are in an image, and which way they look.

Whose face it is, and whether it is good enough, is not decided here.
"""

import math
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpu_worker.weight_files import face_weights

# Long sides, px, at which the detector looks: at 640 it sees faces of 10 to 300 px; the smaller size
# catches a close-up that fills the frame.
LOOK_AT = (640, 320)
MIN_SCORE = 0.7  # portraits score above 0.9; below 0.7 come hands and patterns
LEAST_SIDE = 160  # px
MAX_OVERLAP = 0.3  # intersection over union above which two boxes are one face


Point = tuple[float, float]


@dataclass(frozen=True)
class Face:
    """A face in pixels of its image: box corner, width and height; score in 0..1.

    `landmarks`: the eye on the image's left and the right one, nose tip, mouth corner on the left and on the right.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    landmarks: tuple[Point, Point, Point, Point, Point]

    @property
    def centre(self) -> Point:
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def eyes_apart(self) -> float:
        """Distance between the eyes, px; never 0."""
        (ax, ay), (bx, by) = self.landmarks[:2]
        return max(1.0, math.hypot(bx - ax, by - ay))

    @property
    def turn(self) -> float:
        """How far the nose sits from the middle of the eyes, in eye distances: 0 frontal, 0.5 a three-quarter view."""
        (ax, ay), (bx, by), (nx, ny) = self.landmarks[:3]
        along = ((nx - (ax + bx) / 2) * (bx - ax) + (ny - (ay + by) / 2) * (by - ay)) / self.eyes_apart
        return along / self.eyes_apart

    @property
    def nod(self) -> float:
        """How far down from the eyes (0) to the mouth (1) the nose's tip sits: 0.5 to 0.65 in a level head.

        Heads raised by 40 degrees show 0.45 to 0.55, lowered by 40 degrees 0.66 to 0.86 (measured on drawn people).
        """
        (ax, ay), (bx, by), (nx, ny), (cx, cy), (dx, dy) = self.landmarks
        eyes, mouth = ((ax + bx) / 2, (ay + by) / 2), ((cx + dx) / 2, (cy + dy) / 2)
        down = mouth[0] - eyes[0], mouth[1] - eyes[1]
        along = (nx - eyes[0]) * down[0] + (ny - eyes[1]) * down[1]
        return along / max(1.0, down[0] ** 2 + down[1] ** 2)

    @property
    def tilt(self) -> float:
        """Degrees by which the line of the eyes leaves the horizontal."""
        (ax, ay), (bx, by) = self.landmarks[:2]
        return math.degrees(math.atan2(by - ay, bx - ax))


def find_faces(image: np.ndarray) -> list[Face]:
    """Faces in an RGB image, uint8 (H, W, 3), largest first.

    Method: YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023), 8-bit weights.
    """
    import cv2

    for side in LOOK_AT:
        scale = min(1.0, side / max(image.shape[:2]))
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        faces = [_face(row, scale) for row in _detect(small) if _possible(row, size)]
        if faces:
            return sorted(faces, key=lambda face: -face.area)
    return []


def _detect(small: np.ndarray) -> np.ndarray:
    """The detector's rows, float (N, 15). Strips are padded: on fewer than LEAST_SIDE px it answers with nonsense."""
    import cv2

    below, beside = (max(0, LEAST_SIDE - length) for length in small.shape[:2])
    padded = cv2.copyMakeBorder(small[:, :, ::-1], 0, below, 0, beside, cv2.BORDER_CONSTANT)
    detector = _detector()
    detector.setInputSize(padded.shape[1::-1])
    found = detector.detect(padded)[1]
    return np.empty((0, 15)) if found is None else np.asarray(found)


def _possible(row: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether the face's middle lies in the image, and the face is not larger than it."""
    if not np.isfinite(row).all() or row[2:4].min() < 1:
        return False
    x, y = row[:2] + row[2:4] / 2
    return bool(0 <= x < size[0] and 0 <= y < size[1] and max(row[2:4]) <= 1.5 * max(size))


def _face(row: np.ndarray, scale: float) -> Face:
    """One row of the detector: box, five landmarks, score, at `scale` of the image."""
    x, y, width, height = (float(value) / scale for value in row[:4])
    points = (row[4:14].reshape(5, 2) / scale).astype(float).tolist()
    right, left, nose, mouth_right, mouth_left = (tuple(point) for point in points)
    return Face(x, y, width, height, float(row[14]), (right, left, nose, mouth_right, mouth_left))


_own = threading.local()  # the detector keeps state during a call: one for each thread


def _detector() -> Any:
    import cv2

    weights = face_weights("face_detection_yunet")
    if getattr(_own, "weights", None) != weights:
        _own.detector = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), MIN_SCORE, MAX_OVERLAP, 50)
        _own.weights = weights
    return _own.detector
