"""Scenes among buildings: a city at night, a street by day, a brick wall, an iron tower."""

import numpy as np

from gpu_worker.base_models.pocket.people.scenes.land import sky
from gpu_worker.base_models.pocket.people.scenes.painting import (
    RNG,
    Colour,
    Picture,
    any_colour,
    box,
    colour,
    disc,
    glow,
    gradient,
    grain,
    leaves,
    shade,
    shape,
    side,
)

_LAMPS: tuple[Colour, ...] = (colour(255, 80, 60), colour(255, 196, 96), colour(120, 220, 255), colour(255, 110, 200))


def city(size: int, rng: RNG) -> Picture:
    picture = gradient(size, (0, colour(8, 10, 32)), (0.7, colour(46, 38, 82)), (1, colour(76, 50, 74)))
    for far in (0.55, 1.0):
        x = -0.04 * far
        while x < 1:
            width, top = rng.uniform(0.09, 0.17) * (0.6 + 0.4 * far), rng.uniform(0.06, 0.5) + 0.1 * (1 - far)
            wall = shade(colour(30, 30, 52), rng.uniform(0.6, 1.3) * (1.6 - 0.6 * far))
            box(picture, x, top, x + width - 0.006, 1, wall)
            _windows(picture, x, top, width, rng)
            x += width
    for _ in range(14):
        x, y, tint = rng.random(), rng.uniform(0.66, 1), _LAMPS[int(rng.integers(4))]
        glow(picture, x, y, 0.06, tint, 0.25)
        disc(picture, x, y, rng.uniform(0.008, 0.028), tint)
    return picture


def _windows(picture: Picture, x: float, top: float, width: float, rng: RNG) -> None:
    lit = rng.uniform(0.3, 0.65)
    for row in np.arange(top + 0.03, 0.98, 0.042):
        for column in np.arange(x + 0.014, x + width - 0.028, 0.031):
            if rng.random() < lit:
                warm = colour(255, rng.uniform(185, 240), rng.uniform(90, 200))
                box(picture, column, row, column + 0.015, row + 0.020, shade(warm, rng.uniform(0.6, 1.0)))


def street(size: int, rng: RNG) -> Picture:
    picture = gradient(size, (0, colour(150, 194, 234)), (0.6, colour(226, 232, 236)), (1, colour(150, 150, 152)))
    sky(picture, rng, 0.5)
    for left in (True, False):
        _row_of_houses(picture, rng, left)
    shape(picture, [(0.40, 0.62), (0.60, 0.62), (1.15, 1.0), (-0.15, 1.0)], colour(116, 116, 120))
    grain(picture, rng, 16, 0.06, 0.62)
    for x in (0.16, 0.84):
        leaves(picture, rng, x + rng.uniform(-0.04, 0.04), 0.46, 0.10, colour(88, 138, 66), 50)
    for _ in range(3):
        x, tint = side(rng), any_colour(rng, 0.1, 0.9)
        box(picture, x - 0.08, 0.66, x + 0.08, 0.76, tint)
        box(picture, x - 0.05, 0.62, x + 0.05, 0.67, shade(colour(120, 140, 156), rng.uniform(0.6, 1.1)))
    return picture


def _row_of_houses(picture: Picture, rng: RNG, left: bool) -> None:
    """Fronts that run towards the middle; nearer ones are higher and wider."""
    near = 0.0
    for far in (0.20, 0.32, 0.40):
        tint, top0, top1 = shade(colour(206, 170, 140), rng.uniform(0.65, 1.15)), 0.05 + near * 0.6, 0.05 + far * 0.9
        x0, x1 = (near, far) if left else (1 - near, 1 - far)
        shape(picture, [(x0, top0), (x1, top1), (x1, 0.68), (x0, 0.82)], tint)
        for row in np.arange(0.14, 0.58, 0.11):
            for part in (0.25, 0.65):
                x = x0 + (x1 - x0) * part
                y = row + top0 * (1 - part) * 0.4 + top1 * part * 0.4
                box(picture, x - 0.016, y, x + 0.016, y + 0.06, colour(92, 112, 130))
                box(picture, x - 0.016, y, x + 0.016, y + 0.012, shade(tint, 1.25))
        near = far


def tower(size: int, rng: RNG) -> Picture:
    picture = gradient(size, (0, colour(112, 170, 226)), (0.8, colour(226, 236, 240)), (1, colour(226, 236, 240)))
    sky(picture, rng, 0.8, much=2.2)
    x, top, foot = side(rng), rng.uniform(0.03, 0.1), 0.86
    tall, iron = foot - top, colour(116, 90, 70)
    for sign in (-1, 1):
        legs = [(x + sign * (0.008 + 0.17 * v**2.2), top + tall * v) for v in np.linspace(0, 1, 12)]
        inner = [(x + sign * max(0.0, 0.12 * v**2.2 - 0.01), top + tall * v) for v in np.linspace(1, 0, 12)]
        shape(picture, legs + inner, shade(iron, 1.1 if sign < 0 else 0.85))
    for v in np.linspace(0.3, 0.95, 12):
        wide = 0.008 + 0.17 * v**2.2
        box(picture, x - wide, top + tall * v, x + wide, top + tall * v + 0.004, shade(iron, 0.8))
    for v in (0.42, 0.68):
        wide = 0.02 + 0.17 * v**2.2
        box(picture, x - wide, top + tall * v, x + wide, top + tall * v + 0.03, shade(iron, 0.8))
    box(picture, 0, foot - 0.02, 1, 1, colour(110, 152, 80))
    grain(picture, rng, 16, 0.10, foot - 0.02)
    for _ in range(9):
        leaves(picture, rng, rng.random(), foot - 0.02, rng.uniform(0.04, 0.08), colour(80, 126, 62), 24)
    return picture


def brick(size: int, rng: RNG) -> Picture:
    tint = shade(colour(164, 84, 64), rng.uniform(0.8, 1.15))
    picture = gradient(size, (0, colour(196, 184, 172)), (1, colour(176, 164, 154)))
    tall, long = 0.05, 0.13
    for row in range(21):
        for column in range(-1, 9):
            x, y = column * long + (row % 2) * long / 2, row * tall
            box(picture, x + 0.006, y + 0.006, x + long, y + tall, shade(tint, rng.uniform(0.75, 1.2)))
    grain(picture, rng, 6, 0.12)
    across = np.linspace(-1, 1, size, dtype=np.float32)[None, :, None] * rng.choice([-1.0, 1.0])
    return np.asarray(picture * (1 + 0.22 * across), np.float32)
