"""Frames: which square of a source a made photo shows, from close face to head and shoulders.

A frame never cuts the face box, and never shows where the source's border cut the subject. No colour is touched.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.few_photos.source import Source

# How wide a frame is between the closest and the widest that the source allows.
FRAMINGS = {"close": 0.0, "near": 0.35, "medium": 0.7, "wide": 1.0}
WIDEST = 0.97  # of the source's side: leaves a little room to turn and shift
FACE_SHARE = 0.62  # of the side that the face's box may fill: closer ones look like a keyhole
ENLARGED = 1.6  # times at most that a close frame is enlarged: beyond it training would learn blur
MAX_ANGLE = 6.0  # degrees; heads tilt this much without a word, cameras too
FACE_AT = (0.5, 0.44)  # where the face's centre sits by default, shares of the side
SHIFT = (0.07, 0.05)  # and how far from there it may go
CUT_TOLERANCE = 0.01  # share of the side that a cut body may be continued by repeating its edge
CUT_OPACITY = 0.1  # a subject at least this opaque on the border was cut by it
STEPS = 12  # tries between the frame that is wanted and the whole source

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """A square of a source: centre and side as shares of the source's side, turned by `angle` degrees, mirrored."""

    x: float = 0.5
    y: float = 0.5
    side: float = 1.0
    angle: float = 0.0
    mirror: bool = False

    def place(self, points: Points) -> Points:
        """Points of the source, shares (N, 2), as shares of the made photo."""
        linear = self._linear()
        return np.asarray((points - (self.x, self.y)) @ linear.T + 0.5)

    def warp(self, picture: NDArray[np.float32], side: int) -> NDArray[np.float32]:
        """The frame of a source's `picture`, float32 (H, H, ...), as (side, side, ...); border pixels go on outside."""
        enlarged = side / (self.side * len(picture))
        if enlarged < 1:  # cubic interpolation alone would skip pixels and alias
            shrunk = max(1, round(len(picture) * enlarged))
            picture = np.asarray(cv2.resize(picture, (shrunk, shrunk), interpolation=cv2.INTER_AREA), np.float32)
        linear = self._linear() * side / len(picture)
        middle = np.array((self.x, self.y)) * len(picture) - 0.5  # pixel centres lie at whole numbers
        matrix = np.column_stack([linear, side / 2 - 0.5 - linear @ middle])
        size, border = (side, side), cv2.BORDER_REPLICATE
        warped = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border)
        return np.asarray(np.clip(warped, 0, 1), np.float32)

    def _linear(self) -> Points:
        turn = math.radians(self.angle)
        rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) / self.side
        return np.array([[-1.0 if self.mirror else 1.0], [1.0]]) * rotation


def choose_frame(source: Source, framing: str, tilt: float, mirror: bool, rng: np.random.Generator) -> Frame:
    """A frame of the named framing, a little shifted and turned by `tilt`, -1..1 of MAX_ANGLE.

    Nearer to the whole source where the face or a cut body asks for it; the whole source always serves.
    """
    wanted = _wanted(source, framing, tilt * MAX_ANGLE, mirror, rng)
    pushed = _pushed(wanted, source)
    steps = (_towards_whole(pushed, step / STEPS) for step in range(STEPS + 1))
    cuts = _cut_points(source)
    return next(frame for frame in (wanted, *steps) if _shows_face(frame, source) and not _shows_cut(frame, cuts))


def _wanted(source: Source, framing: str, angle: float, mirror: bool, rng: np.random.Generator) -> Frame:
    x, y, width, height = source.face_inside
    closest = min(WIDEST, max(max(width, height) / FACE_SHARE, 1 / ENLARGED))
    wide = np.clip(FRAMINGS[framing] + rng.uniform(-0.12, 0.12), 0, 1)
    side = closest + (WIDEST - closest) * wide
    face_at = np.array(FACE_AT) + rng.uniform(-1, 1, 2) * SHIFT
    frame = Frame(0, 0, round(float(side), 5), round(angle, 3), mirror)
    # The face's centre goes to its place in the photo; the frame's centre follows from that.
    offset = np.linalg.solve(frame._linear(), face_at - 0.5)
    centre = np.array((x + width / 2, y + height / 2)) - offset
    return replace(frame, x=round(float(centre[0]), 5), y=round(float(centre[1]), 5))


def _pushed(frame: Frame, source: Source) -> Frame:
    """Moved inside the source on the sides where its border cuts the subject."""
    turn = math.radians(abs(frame.angle))
    reach = min(0.5, frame.side * (math.cos(turn) + math.sin(turn)) / 2)
    cut = source.opacity >= CUT_OPACITY
    low_x, high_x = (reach if side.any() else -math.inf for side in (cut[:, 0], cut[:, -1]))
    low_y, high_y = (reach if side.any() else -math.inf for side in (cut[0], cut[-1]))
    x = min(max(frame.x, low_x), 1 - high_x)
    y = min(max(frame.y, low_y), 1 - high_y)
    return replace(frame, x=round(x, 5), y=round(y, 5))


def _towards_whole(frame: Frame, share: float) -> Frame:
    """`frame` at 0, the whole source at 1."""

    def between(start: float, end: float) -> float:
        return round(start + (end - start) * share, 5)

    whole = Frame()
    return Frame(
        between(frame.x, whole.x),
        between(frame.y, whole.y),
        between(frame.side, whole.side),
        between(frame.angle, whole.angle),
        frame.mirror,
    )


def _shows_face(frame: Frame, source: Source) -> bool:
    x, y, width, height = source.face_inside
    corners = frame.place(np.array([(x, y), (x + width, y), (x, y + height), (x + width, y + height)]))
    return bool(np.all(corners >= -1e-9) and np.all(corners <= 1 + 1e-9))


def _cut_points(source: Source) -> Points:
    """Where the source's border cuts the subject, shares (N, 2)."""
    cut = source.opacity >= CUT_OPACITY
    along = (np.arange(source.side) + 0.5) / source.side
    sides = (
        np.column_stack([along, np.zeros_like(along)])[cut[0]],
        np.column_stack([along, np.ones_like(along)])[cut[-1]],
        np.column_stack([np.zeros_like(along), along])[cut[:, 0]],
        np.column_stack([np.ones_like(along), along])[cut[:, -1]],
    )
    return np.concatenate(sides)


def _shows_cut(frame: Frame, cuts: Points) -> bool:
    placed = frame.place(cuts)
    return bool(np.any(np.all((placed > CUT_TOLERANCE) & (placed < 1 - CUT_TOLERANCE), axis=1)))
