"""Backgrounds: ten places, drawn flat and a little out of focus, varied by the generator that is passed in.

No person here, and no file is read.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]  # (H, W, 3), sRGB in [0, 1]
RNG = np.random.Generator


def scene(name: str, size: int, rng: RNG) -> Picture:
    """Draw the named place of vocabulary.SCENES as (size, size, 3) float32 in [0, 1]."""
    picture = SCENES[name](size, rng)
    picture *= rng.uniform(0.93, 1.07)
    blur = size * rng.uniform(0.004, 0.011)
    return np.clip(cv2.GaussianBlur(np.nan_to_num(picture), (0, 0), blur), 0, 1).astype(np.float32)


def _colour(red: float, green: float, blue: float) -> tuple[float, float, float]:
    return red / 255, green / 255, blue / 255


def _gradient(size: int, *stops: tuple[float, tuple[float, float, float]]) -> Picture:
    """Vertical gradient through (height from the top in 0..1, colour)."""
    at = np.linspace(0, 1, size)
    where = [stop for stop, _ in stops]
    column = np.stack([np.interp(at, where, [colour[k] for _, colour in stops]) for k in range(3)], axis=-1)
    return np.repeat(column[:, None], size, axis=1).astype(np.float32)


def _clouds(size: int, rng: RNG, cells: int) -> Picture:
    """Smooth noise (size, size) in about [0, 1], coarse and fine together."""
    total = np.zeros((size, size), np.float32)
    for octave in range(3):
        grid = rng.random((cells * 2**octave + 1, cells * 2**octave + 1)).astype(np.float32)
        total += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC) / 2**octave
    return np.asarray(total / 1.75, np.float32)


def _mix(picture: Picture, colour: tuple[float, float, float], mask: Picture) -> None:
    picture += (np.array(colour, np.float32) - picture) * np.clip(mask, 0, 1)[..., None]


def _box(picture: Picture, x0: float, y0: float, x1: float, y1: float, colour: tuple[float, float, float]) -> None:
    size = len(picture)
    cv2.rectangle(picture, (int(x0 * size), int(y0 * size)), (int(x1 * size), int(y1 * size)), colour, -1)


def _disc(picture: Picture, x: float, y: float, radius: float, colour: tuple[float, float, float]) -> None:
    size = len(picture)
    cv2.circle(picture, (int(x * size), int(y * size)), max(1, int(radius * size)), colour, -1, cv2.LINE_AA)


def _shape(picture: Picture, points: list[tuple[float, float]], colour: tuple[float, float, float]) -> None:
    corners = (np.array(points) * len(picture)).astype(np.int32)
    cv2.fillPoly(picture, [corners], colour, cv2.LINE_AA)


def _side(rng: RNG) -> float:
    """A place left or right of the middle, where the person does not hide it."""
    return float(rng.choice([rng.uniform(0.05, 0.24), rng.uniform(0.76, 0.95)]))


def _beach(size: int, rng: RNG) -> Picture:
    horizon, shore = rng.uniform(0.38, 0.5), rng.uniform(0.6, 0.68)
    picture = _gradient(size, (0, _colour(70, 160, 235)), (horizon, _colour(190, 228, 250)))
    sea = _gradient(size, (horizon, _colour(10, 110, 170)), (shore, _colour(60, 200, 205)))
    top, low = int(horizon * size), int(shore * size)
    picture[top:low] = sea[top:low]
    picture[low:] = np.array(_colour(240, 212, 150), np.float32) * (0.9 + 0.2 * _clouds(size, rng, 6)[low:, :, None])
    _box(picture, 0, shore - 0.012, 1, shore + 0.008, _colour(245, 250, 250))
    _mix(picture[:top], (1, 1, 1), (_clouds(size, rng, 3)[:top] - 0.55) * 3)
    if rng.random() < 0.7:
        x, tip = _side(rng), rng.uniform(0.1, 0.2)
        _shape(picture, [(x - 0.012, tip), (x + 0.012, tip), (x + 0.03, 0.75), (x - 0.005, 0.75)], _colour(110, 76, 44))
        for angle in np.linspace(0.2, 2 * np.pi, 8):
            end = (x + 0.2 * np.cos(angle), tip + 0.1 * np.sin(angle) + 0.06)
            _shape(picture, [(x, tip - 0.02), end, (x, tip + 0.03)], _colour(40, 120, 50))
    return picture


def _city(size: int, rng: RNG) -> Picture:
    picture = _gradient(size, (0, _colour(8, 10, 32)), (0.7, _colour(42, 34, 78)), (1, _colour(70, 44, 70)))
    x = -0.02
    while x < 1:
        width, top = rng.uniform(0.09, 0.17), rng.uniform(0.08, 0.5)
        shade = rng.uniform(0.6, 1.3)
        _box(picture, x, top, x + width - 0.01, 1, tuple(c * shade for c in _colour(26, 26, 46)))  # type: ignore[arg-type]
        for row in np.arange(top + 0.03, 0.98, 0.045):
            for column in np.arange(x + 0.015, x + width - 0.03, 0.034):
                if rng.random() < 0.5:
                    warm = _colour(255, rng.uniform(190, 235), rng.uniform(90, 170))
                    _box(picture, column, row, column + 0.017, row + 0.022, warm)
        x += width
    for _ in range(6):
        _disc(picture, rng.random(), rng.uniform(0.75, 1), rng.uniform(0.02, 0.045), _colour(*rng.choice(_LAMPS)))
    return picture


_LAMPS = np.array([(255, 70, 60), (255, 190, 80), (90, 220, 255), (255, 90, 200)])


def _forest(size: int, rng: RNG) -> Picture:
    picture = _gradient(size, (0, _colour(120, 180, 90)), (0.5, _colour(60, 120, 50)), (1, _colour(46, 72, 30)))
    _mix(picture, _colour(190, 225, 120), (_clouds(size, rng, 6) - 0.55) * 3)
    for far in (0.55, 0.8, 1.1):
        for _ in range(5):
            x, wide = rng.random(), 0.03 * far
            trunk = tuple(c * (1.25 - 0.4 * far) for c in _colour(96, 66, 42))
            _box(picture, x, 0, x + wide, rng.uniform(0.75, 0.95), trunk)  # type: ignore[arg-type]
    down = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    _mix(picture, _colour(28, 84, 30), (_clouds(size, rng, 9) - 0.55) * 4 * (1.2 - 0.9 * down))
    _mix(picture, _colour(60, 100, 36), np.clip((down - 0.8) * 8, 0, 0.8))
    return picture


def _snow(size: int, rng: RNG) -> Picture:
    horizon = rng.uniform(0.5, 0.62)
    picture = _gradient(
        size, (0, _colour(176, 202, 228)), (horizon, _colour(226, 234, 242)), (1, _colour(246, 249, 253))
    )
    peaks = [(x, rng.uniform(0.12, 0.42) if i % 2 else horizon) for i, x in enumerate(np.linspace(-0.1, 1.1, 8))]
    _shape(picture, [(-0.1, horizon), *peaks, (1.1, horizon)], _colour(150, 172, 200))
    for x, y in peaks[1::2]:
        _shape(picture, [(x - 0.06, y + 0.09), (x, y), (x + 0.06, y + 0.09)], _colour(250, 252, 255))
    _box(picture, 0, horizon, 1, 1, _colour(244, 248, 253))
    for _ in range(4):
        x, tall, foot = _side(rng), rng.uniform(0.2, 0.4), rng.uniform(horizon + 0.02, 0.9)
        for part in range(3):
            y, wide = foot - tall * part / 3, tall * (0.38 - 0.09 * part)
            _shape(picture, [(x - wide, y), (x, y - tall * 0.5), (x + wide, y)], _colour(48, 84, 74))
            _shape(
                picture,
                [(x - wide * 0.5, y - tall * 0.25), (x, y - tall * 0.5), (x + wide * 0.5, y - tall * 0.25)],
                (1, 1, 1),
            )
    for _ in range(90):
        _disc(picture, rng.random(), rng.random(), rng.uniform(0.003, 0.01), (1, 1, 1))
    return picture


def _office(size: int, rng: RNG) -> Picture:
    wall = rng.uniform(0.92, 1.05)
    picture = _gradient(size, (0, _colour(224 * wall, 216 * wall, 202 * wall)), (1, _colour(196, 186, 172)))
    left = rng.random() < 0.5
    shelf, window = ((0.0, 0.36), (0.66, 1.0)) if left else ((0.64, 1.0), (0.0, 0.34))
    _box(picture, shelf[0], 0.05, shelf[1], 1, _colour(120, 84, 54))
    for row in np.arange(0.08, 0.95, 0.19):
        x = shelf[0] + 0.015
        while x < shelf[1] - 0.04:
            wide, tall = rng.uniform(0.018, 0.04), rng.uniform(0.1, 0.155)
            _box(picture, x, row + 0.16 - tall, x + wide, row + 0.16, tuple(rng.uniform(0.15, 0.85, 3)))
            x += wide + 0.004
    _box(picture, window[0], 0.08, window[1], 0.66, _colour(244, 246, 246))
    _box(picture, window[0] + 0.02, 0.1, window[1] - 0.02, 0.64, _colour(186, 218, 242))
    for y in np.arange(0.12, 0.62, 0.045):
        _box(picture, window[0] + 0.02, y, window[1] - 0.02, y + 0.016, _colour(240, 240, 236))
    _box(picture, window[0], 0.8, window[1], 1, _colour(92, 94, 100))
    return picture


def _space(size: int, rng: RNG) -> Picture:
    picture = _gradient(size, (0, _colour(4, 4, 14)), (1, _colour(12, 8, 30)))
    tint = _colour(*((120, 40, 160), (30, 70, 170), (170, 40, 90))[int(rng.integers(3))])
    _mix(picture, tint, (_clouds(size, rng, 3) - 0.5) * 1.3)
    for _ in range(150):
        _disc(picture, rng.random(), rng.random(), rng.uniform(0.001, 0.008), tuple(rng.uniform(0.8, 1.0, 3)))
    x, y, radius = _side(rng), rng.uniform(0.12, 0.4), rng.uniform(0.1, 0.18)
    planet = _colour(*((226, 150, 84), (90, 150, 220), (200, 90, 70), (210, 196, 150))[int(rng.integers(4))])
    _disc(picture, x, y, radius, planet)
    _disc(picture, x + radius * 0.25, y - radius * 0.2, radius * 0.7, tuple(min(1.0, c * 1.2) for c in planet))  # type: ignore[arg-type]
    if rng.random() < 0.5:
        centre = (int(x * size), int(y * size))
        axes = (int(radius * 1.7 * size), int(radius * 0.4 * size))
        cv2.ellipse(picture, centre, axes, -20, 0, 360, _colour(230, 214, 180), max(1, size // 60), cv2.LINE_AA)
    return picture


def _sunset(size: int, rng: RNG) -> Picture:
    horizon = rng.uniform(0.58, 0.72)
    picture = _gradient(
        size,
        (0, _colour(70, 44, 120)),
        (horizon * 0.5, _colour(226, 84, 90)),
        (horizon, _colour(255, 186, 70)),
        (1, _colour(130, 52, 50)),
    )
    _disc(picture, _side(rng), horizon - rng.uniform(0.02, 0.12), rng.uniform(0.08, 0.12), _colour(255, 240, 150))
    bands = cv2.resize(_clouds(size, rng, 4), (size, size * 3))[:size]
    bands = cv2.resize(bands[: size // 3], (size, size))
    _mix(picture, _colour(190, 60, 110), (bands - 0.6) * 2)
    hills = [(x, horizon + rng.uniform(-0.05, 0.03)) for x in np.linspace(0, 1, 7)]
    _shape(picture, [(0, 1), (-0.01, horizon), *hills, (1.01, horizon), (1, 1)], _colour(66, 26, 52))
    return picture


def _tower(size: int, rng: RNG) -> Picture:
    picture = _gradient(size, (0, _colour(120, 178, 232)), (0.8, _colour(226, 236, 240)))
    _mix(picture, (1, 1, 1), (_clouds(size, rng, 3) - 0.5) * 2.5)
    x, top, foot = _side(rng), rng.uniform(0.03, 0.1), 0.86
    tall, iron = foot - top, _colour(112, 84, 62)
    for sign in (-1, 1):
        legs = [(x + sign * (0.008 + 0.17 * v**2.2), top + tall * v) for v in np.linspace(0, 1, 12)]
        inner = [(x + sign * max(0.0, 0.12 * v**2.2 - 0.01), top + tall * v) for v in np.linspace(1, 0, 12)]
        _shape(picture, legs + inner, iron)
    for v in (0.42, 0.68):
        wide = 0.02 + 0.17 * v**2.2
        _box(picture, x - wide, top + tall * v, x + wide, top + tall * v + 0.03, _colour(92, 68, 50))
    _box(picture, 0, foot - 0.02, 1, 1, _colour(104, 152, 72))
    for _ in range(7):
        _disc(picture, rng.random(), foot, rng.uniform(0.03, 0.06), _colour(70, 120, 56))
    return picture


def _studio(colour: tuple[float, float, float]) -> Callable[[int, RNG], Picture]:
    def draw(size: int, rng: RNG) -> Picture:
        y, x = np.mgrid[0:size, 0:size] / size
        centre = rng.uniform(0.35, 0.65), rng.uniform(0.3, 0.6)
        glow = 1.12 - 0.55 * np.hypot(x - centre[0], y - centre[1])
        return np.asarray(glow[..., None] * np.array(colour, np.float32), np.float32)

    return draw


SCENES: dict[str, Callable[[int, RNG], Picture]] = {
    "beach": _beach,
    "city": _city,
    "forest": _forest,
    "snow": _snow,
    "office": _office,
    "space": _space,
    "sunset": _sunset,
    "tower": _tower,
    "grey": _studio(_colour(152, 152, 155)),
    "blue": _studio(_colour(66, 122, 198)),
}
