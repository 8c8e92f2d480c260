"""Drawn places far behind the subject: shapes in linear light, then thrown out of focus like a lens does it.

No detail survives the blur and none is meant to; nobody stands here.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.few_photos.light import Picture, to_srgb

DRAWN = 192  # px at which places are drawn: what is out of focus needs no more
FOCUS = (0.035, 0.06)  # radius of the blurred point of a lens, share of the side: f/2 at two metres
# Daylight's colour, as gains of linear light.
TINTS = {"noon": (1.0, 1.0, 1.0), "golden": (1.12, 0.93, 0.72), "shade": (0.62, 0.7, 0.82)}

Colour = Sequence[float] | NDArray[np.float64]
Rng = np.random.Generator


def draw_place(name: str, tint: str, side: int, rng: Rng) -> Picture:
    """A place of PLACES in a light of TINTS as sRGB, float32 (side, side, 3) in [0, 1]."""
    picture = PLACES[name](rng) * np.array(TINTS[tint], np.float32) * rng.uniform(0.85, 1.1)
    blurred = _out_of_focus(picture.astype(np.float32), rng.uniform(*FOCUS) * DRAWN)
    large = cv2.resize(blurred, (side, side), interpolation=cv2.INTER_CUBIC)
    return to_srgb(np.asarray(large, np.float32))


def _out_of_focus(picture: Picture, radius: float) -> Picture:
    """A lens spreads every point to an even disc, which is why lamps become discs and not stars."""
    reach = int(radius) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
    return np.asarray(cv2.filter2D(picture, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT), np.float32)


def _field(rng: Rng, cells: int, shape: tuple[int, int] = (1, 1)) -> NDArray[np.float32]:
    """Smooth noise (DRAWN, DRAWN, 1) in [0, 1] with `cells` hills along a side, stretched by `shape` (across, down)."""
    grid = rng.random((cells * shape[1] + 1, cells * shape[0] + 1)).astype(np.float32)
    hills = np.asarray(cv2.resize(grid, (DRAWN, DRAWN), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.clip(hills, 0, 1)[..., None]


def _mixed(first: Colour, second: Colour, share: NDArray[np.float32]) -> Picture:
    return np.asarray(np.array(first, np.float32) * (1 - share) + np.array(second, np.float32) * share, np.float32)


def _down() -> NDArray[np.float32]:
    return np.linspace(0, 1, DRAWN, dtype=np.float32)[:, None, None] * np.ones((1, DRAWN, 1), np.float32)


def _box(picture: Picture, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
    corners = [int(share * DRAWN) for share in (left, top, right, bottom)]
    cv2.rectangle(picture, corners[:2], corners[2:], tuple(float(c) for c in colour), -1)


def _lamps(picture: Picture, rng: Rng, count: int, top: float, bottom: float, colours: Sequence[Colour]) -> None:
    """Small lights, far brighter than white, between two heights."""
    for _ in range(count):
        at = int(rng.random() * DRAWN), int(rng.uniform(top, bottom) * DRAWN)
        colour = np.array(colours[int(rng.integers(len(colours)))]) * rng.uniform(0.3, 1)
        cv2.circle(picture, at, int(rng.integers(1, 3)), tuple(float(c) for c in colour), -1)


def _garden(rng: Rng) -> Picture:
    leaves = _mixed((0.02, 0.045, 0.012), (0.16, 0.25, 0.06), _field(rng, 5) * 0.6 + _field(rng, 14) * 0.4)
    picture = leaves * (1.35 - 0.7 * _down())
    _lamps(picture, rng, 45, 0, 0.6, [(2.2, 2.6, 1.5), (2.6, 2.7, 2.4)])
    return picture


def _street(rng: Rng) -> Picture:
    picture = _mixed((0.62, 0.68, 0.74), (0.8, 0.8, 0.78), _down())
    x = -0.05
    while x < 1:
        width, top = rng.uniform(0.12, 0.3), rng.uniform(-0.1, 0.35)
        wall = np.array([(0.3, 0.26, 0.22), (0.36, 0.35, 0.33), (0.24, 0.15, 0.11), (0.2, 0.22, 0.25)])
        colour = wall[int(rng.integers(4))] * rng.uniform(0.7, 1.3)
        _box(picture, x, top, x + width, 1, colour)
        for row in np.arange(max(top, 0) + 0.04, 0.75, 0.12):
            for column in np.arange(x + 0.02, x + width - 0.04, 0.07):
                _box(picture, column, row, column + 0.035, row + 0.07, colour * rng.uniform(0.25, 0.6))
        x += width
    _box(picture, 0, rng.uniform(0.78, 0.86), 1, 1, (0.16, 0.16, 0.165))
    _lamps(picture, rng, 8, 0.55, 0.8, [(3, 2.4, 1.6), (3, 0.5, 0.3)])
    return picture


def _room(rng: Rng) -> Picture:
    wall = np.array([(0.56, 0.5, 0.42), (0.5, 0.52, 0.5), (0.38, 0.44, 0.5)])[int(rng.integers(3))]
    across = np.swapaxes(_down(), 0, 1)
    picture = np.ascontiguousarray(wall * (0.45 + 0.7 * (across if rng.random() < 0.5 else 1 - across)), np.float32)
    x = rng.choice([rng.uniform(0.02, 0.15), rng.uniform(0.6, 0.72)])
    _box(picture, x, 0.08, x + 0.26, 0.4, (0.08, 0.06, 0.05))
    _box(picture, x + 0.02, 0.1, x + 0.24, 0.38, wall * 1.2)
    _box(picture, x + 0.06, 0.14, x + 0.2, 0.34, wall * rng.uniform(0.4, 0.8) + rng.uniform(-0.03, 0.03, 3))
    _box(picture, 0, rng.uniform(0.68, 0.8), rng.uniform(0.3, 1), 1, (0.13, 0.08, 0.05))
    _lamps(picture, rng, 2, 0.3, 0.6, [(9, 6.5, 4)])
    return picture


def _window(rng: Rng) -> Picture:
    picture = np.asarray(np.array([0.2, 0.17, 0.145]) * (1.2 - 0.5 * _down()), np.float32)
    left = rng.choice([rng.uniform(-0.1, 0.05), rng.uniform(0.5, 0.62)])
    for pane in range(2):
        x = left + pane * 0.24
        _box(picture, x, -0.1, x + 0.22, 0.72, (0.85, 0.92, 0.95))
        _box(picture, x, rng.uniform(0.4, 0.5), x + 0.22, 0.72, (0.35, 0.45, 0.28))
    curtain = left + (0.5 if left < 0.3 else -0.14)
    _box(picture, curtain, -0.1, curtain + 0.13, 0.9, (0.42, 0.38, 0.33))
    return picture


def _evening(rng: Rng) -> Picture:
    picture = _mixed((0.018, 0.026, 0.06), (0.05, 0.035, 0.035), _down()) * (0.6 + 0.8 * _field(rng, 4))
    picture = np.asarray(picture, np.float32)
    _lamps(picture, rng, 34, 0.15, 0.85, [(9, 6, 3), (8, 7, 5.5), (9, 4, 2), (5, 6, 7.5)])
    return picture


def _shore(rng: Rng) -> Picture:
    horizon, shore = rng.uniform(0.42, 0.55), rng.uniform(0.7, 0.8)
    picture = _mixed((0.3, 0.46, 0.68), (0.72, 0.78, 0.82), np.clip(_down() / horizon, 0, 1))
    picture += (0.9 - picture) * np.clip(_field(rng, 3, (1, 3)) - 0.55, 0, 1)
    _box(picture, 0, horizon, 1, 1, (0.13, 0.24, 0.3))
    _box(picture, 0, shore, 1, 1, (0.5, 0.41, 0.29))
    picture[int(horizon * DRAWN) :] *= 0.8 + 0.4 * _field(rng, 5, (1, 4))[int(horizon * DRAWN) :]
    return picture


PLACES: dict[str, Callable[[Rng], Picture]] = {
    "garden": _garden,
    "street": _street,
    "room": _room,
    "window": _window,
    "evening": _evening,
    "shore": _shore,
}
