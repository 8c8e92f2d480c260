"""Which way is up: by how many quarters a photo must be turned, and how far a head is rolled. Nothing is refused here.

The detector's landmarks stay nearly level when a head rolls, but its score falls: faces within 20 degrees of upright
score 0.92 and more, at 40 degrees 0.90, at 60 degrees 0.8, lying or upside down less. So the angle that scores best is
looked for, and only where the photo as it lies scores less than that.
"""

import cv2
import numpy as np

from gpu_worker.faces import Face, find_faces

SURE = 0.92
TURNED = 0.88  # patterns score less in every direction
TURN_GAIN = 0.03  # what a turn must add, or the photo stays as it was sent
ROLL_GAIN = 0.01
ROLLS = (-60, -40, -20, 20, 40, 60)  # degrees
SMALL = 640  # px, long side
CLOSE = 240  # px; side of what is rolled, three faces wide


def find_upright(image: np.ndarray) -> tuple[int, tuple[Face, ...]]:
    """Quarters to turn an RGB image by, uint8 (H, W, 3), counter-clockwise as numpy.rot90 does, and its faces then."""
    faces = tuple(find_faces(image))
    if faces and faces[0].score >= SURE:
        return 0, faces
    small = _small(image)
    scores = {turns: _score(np.rot90(small, turns)) for turns in (1, 2, 3)}
    best = max(scores, key=lambda turns: scores[turns])
    as_sent = faces[0].score if faces else 0.0
    if scores[best] < max(TURNED, as_sent + TURN_GAIN):
        return 0, faces
    return best, tuple(find_faces(np.ascontiguousarray(np.rot90(image, best))))


def roll(image: np.ndarray, face: Face) -> float:
    """Degrees by which the head is rolled, to the next 20 beyond 20; the landmarks' own tilt for less."""
    if face.score >= SURE:
        return face.tilt
    close = _close(image, face)
    as_sent = _score(close)
    scores = {degrees: _score(_rolled(close, degrees)) for degrees in ROLLS}
    best = max(scores, key=lambda degrees: scores[degrees])
    return float(best) if scores[best] > as_sent + ROLL_GAIN else face.tilt


def _score(image: np.ndarray) -> float:
    faces = find_faces(image)
    return faces[0].score if faces else 0.0


def _small(image: np.ndarray) -> np.ndarray:
    scale = min(1.0, SMALL / max(image.shape[:2]))
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _close(image: np.ndarray, face: Face) -> np.ndarray:
    """The face in the middle of a square three times as wide; edges go on outwards."""
    scale = CLOSE / (3 * max(face.width, face.height))
    x, y = face.centre
    move = np.array([[scale, 0, CLOSE / 2 - scale * x], [0, scale, CLOSE / 2 - scale * y]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.warpAffine(image, move, (CLOSE, CLOSE), flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _rolled(square: np.ndarray, degrees: float) -> np.ndarray:
    """Turned counter-clockwise, so that a head that was rolled clockwise stands upright."""
    centre = (len(square) / 2, len(square) / 2)
    turn = cv2.getRotationMatrix2D(centre, degrees, 1.0)
    return np.asarray(cv2.warpAffine(square, turn, square.shape[1::-1], borderMode=cv2.BORDER_REPLICATE))
