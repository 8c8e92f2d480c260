"""Scenes under a roof: office, cafe, kitchen, library, stage."""

import numpy as np

from gpu_worker.base_models.pocket.people.scenes.painting import (
    RNG,
    Picture,
    any_colour,
    box,
    colour,
    disc,
    glow,
    gradient,
    grain,
    leaves,
    mix,
    shade,
    shape,
)


def shelf(picture: Picture, rng: RNG, x0: float, x1: float, gap: float = 0.19) -> None:
    """Books from `x0` to `x1` on boards that are `gap` apart."""
    box(picture, x0, 0.0, x1, 1, colour(104, 74, 50))
    for row in np.arange(0.02, 0.98, gap):
        box(picture, x0 + 0.012, row, x1 - 0.012, row + gap - 0.03, colour(70, 48, 34))
        x = x0 + 0.016
        while x < x1 - 0.035:
            wide, tall = rng.uniform(0.014, 0.036), gap * rng.uniform(0.52, 0.80)
            tint = (
                shade((0.42 + 0.3 * rng.random(), 0.36, 0.30), 1.0)
                if rng.random() < 0.5
                else any_colour(rng, 0.12, 0.6)
            )
            foot = row + gap - 0.03
            box(picture, x, foot - tall, x + wide, foot, tint)
            box(picture, x, foot - tall * 0.8, x + wide, foot - tall * 0.74, shade(tint, 1.4))
            x += wide + rng.choice([0.003, 0.003, 0.02])


def office(size: int, rng: RNG) -> Picture:
    wall = rng.uniform(0.92, 1.05)
    picture = gradient(size, (0, colour(224 * wall, 216 * wall, 202 * wall)), (1, colour(190, 180, 166)))
    left = rng.random() < 0.5
    books, window = ((0.0, 0.36), (0.66, 1.0)) if left else ((0.64, 1.0), (0.0, 0.34))
    shelf(picture, rng, *books)
    box(picture, window[0], 0.08, window[1], 0.66, colour(240, 242, 242))
    box(picture, window[0] + 0.02, 0.1, window[1] - 0.02, 0.64, colour(190, 218, 240))
    for y in np.arange(0.12, 0.62, 0.045):
        box(picture, window[0] + 0.02, y, window[1] - 0.02, y + 0.016, colour(240, 240, 236))
    glow(picture, sum(window) / 2, 0.35, 0.3, colour(255, 250, 240), 0.18)
    box(picture, window[0], 0.8, window[1], 1, colour(92, 94, 100))
    middle = sum(window) / 2
    box(picture, middle - 0.03, 0.72, middle + 0.03, 0.8, colour(196, 120, 84))
    leaves(picture, rng, middle, 0.66, 0.08, colour(70, 126, 62), 40)
    return picture


def library(size: int, rng: RNG) -> Picture:
    picture = gradient(size, (0, colour(120, 92, 66)), (1, colour(84, 60, 42)))
    shelf(picture, rng, 0.0, 0.33, 0.155)
    shelf(picture, rng, 0.35, 0.66, 0.155)
    shelf(picture, rng, 0.68, 1.0, 0.155)
    for x in (0.17, 0.84):
        glow(picture, x, 0.0, 0.45, colour(255, 206, 140), 0.30)
    return np.asarray(picture * np.linspace(1.1, 0.75, size, dtype=np.float32)[:, None, None], np.float32)


def cafe(size: int, rng: RNG) -> Picture:
    wall = shade(colour(150, 108, 80), rng.uniform(0.7, 1.1))
    picture = gradient(size, (0, shade(wall, 0.7)), (0.6, wall), (1, shade(wall, 0.5)))
    board = (0.03, 0.32) if rng.random() < 0.5 else (0.68, 0.97)
    box(picture, board[0], 0.16, board[1], 0.52, colour(88, 64, 44))
    box(picture, board[0] + 0.012, 0.175, board[1] - 0.012, 0.505, colour(38, 42, 42))
    for y in np.arange(0.21, 0.48, 0.05):
        box(picture, board[0] + 0.04, y, board[1] - rng.uniform(0.05, 0.14), y + 0.012, colour(206, 206, 196))
    box(picture, 0, 0.72, 1, 0.78, colour(120, 84, 56))
    box(picture, 0, 0.78, 1, 1, colour(70, 50, 38))
    for x in rng.uniform(0, 1, 7):
        box(picture, x, 0.65, x + 0.035, 0.72, shade(colour(236, 232, 222), rng.uniform(0.6, 1)))
    for x in (0.1, 0.37, 0.63, 0.9):
        box(picture, x - 0.002, 0, x + 0.002, 0.12, colour(30, 26, 24))
        glow(picture, x, 0.14, 0.10, colour(255, 190, 110), 0.6)
        disc(picture, x, 0.14, 0.022, colour(255, 244, 214))
    return picture


def kitchen(size: int, rng: RNG) -> Picture:
    doors = any_colour(rng, 0.5, 0.95)
    picture = gradient(size, (0, colour(232, 230, 224)), (1, colour(206, 202, 194)))
    for row in np.arange(0.36, 0.62, 0.05):
        for column in np.arange(0.0, 1.0, 0.05):
            box(picture, column, row, column + 0.046, row + 0.046, shade(colour(232, 236, 236), rng.uniform(0.93, 1.0)))
    for x in np.arange(-0.02, 1.0, 0.17):
        for top, low in ((0.0, 0.33), (0.68, 1.0)):
            box(picture, x, top, x + 0.163, low, doors)
            box(picture, x + 0.012, top + 0.012, x + 0.151, low - 0.012, shade(doors, 0.95))
            box(picture, x + 0.13, (top + low) / 2 - 0.02, x + 0.138, (top + low) / 2 + 0.02, colour(120, 120, 120))
    box(picture, 0, 0.62, 1, 0.67, colour(92, 84, 78))
    for x in rng.uniform(0, 1, 5):
        tint = any_colour(rng, 0.3, 0.95)
        box(picture, x, 0.55, x + 0.04, 0.62, tint)
        box(picture, x, 0.55, x + 0.008, 0.62, shade(tint, 1.3))
    glow(picture, rng.random(), 0.34, 0.3, colour(255, 244, 220), 0.12)
    return picture


def stage(size: int, rng: RNG) -> Picture:
    tint = ((0.55, 0.08, 0.10), (0.10, 0.12, 0.5), (0.35, 0.08, 0.42))[int(rng.integers(3))]
    across = np.linspace(0, 1, size, dtype=np.float32)[None, :]
    folds = 0.55 + 0.45 * np.sin(across * rng.uniform(70, 90) + np.sin(across * 9) * 2)
    picture = np.repeat((folds[..., None] * np.array(tint, np.float32)), size, axis=0)
    picture *= np.linspace(0.7, 0.35, size, dtype=np.float32)[:, None, None]
    for x in (rng.uniform(0.05, 0.2), rng.uniform(0.8, 0.95)):
        beam = np.zeros((size, size, 3), np.float32)
        foot = x + (0.5 - x) * rng.uniform(0.2, 0.8)
        shape(beam, [(x - 0.01, 0), (x + 0.01, 0), (foot + 0.16, 1), (foot - 0.16, 1)], (1, 1, 1))
        mix(picture, (1.0, 0.9, 0.7), beam[..., 0] * np.linspace(0.55, 0.05, size, dtype=np.float32)[:, None])
        glow(picture, x, 0.0, 0.10, (1.0, 0.95, 0.8), 1.0)
    box(picture, 0, 0.88, 1, 1, colour(48, 34, 28))
    grain(picture, rng, 12, 0.05)
    return picture
