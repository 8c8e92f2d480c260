"""Scenes without a place: walls of one colour with light on them, and the sky far out."""

from collections.abc import Callable

import cv2
import numpy as np

from gpu_worker.base_models.pocket.people.scenes.painting import (
    RNG,
    Picture,
    clouds,
    colour,
    disc,
    glow,
    gradient,
    mix,
    shade,
    side,
)

WALLS = {
    "grey": colour(152, 152, 155),
    "blue": colour(66, 122, 198),
    "white": colour(226, 226, 224),
    "green": colour(104, 156, 108),
    "orange": colour(226, 142, 66),
}


def wall(name: str) -> Callable[[int, RNG], Picture]:
    """A painter of paper or canvas in one of WALLS, lit from somewhere, mottled more or less."""

    def paint(size: int, rng: RNG) -> Picture:
        y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
        centre = rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.6)
        light = 1.12 - 0.55 * np.hypot(x - centre[0], y - centre[1])
        if rng.random() < 0.4:
            light = light * (1 + rng.uniform(0.04, 0.16) * (clouds(size, rng, 5) - 0.5) * 2)
        return np.asarray(light[..., None] * np.array(WALLS[name], np.float32), np.float32)

    return paint


def space(size: int, rng: RNG) -> Picture:
    picture = gradient(size, (0, colour(4, 4, 14)), (1, colour(12, 8, 30)))
    for tint in (colour(120, 40, 160), colour(30, 70, 170), colour(170, 40, 90)):
        mix(picture, tint, (clouds(size, rng, 3) - rng.uniform(0.5, 0.65)) * 1.3)
    for _ in range(190):
        disc(
            picture, rng.random(), rng.random(), rng.uniform(0.001, 0.006), shade((1.0, 1.0, 1.0), rng.uniform(0.5, 1))
        )
    x, y, radius = side(rng), rng.uniform(0.12, 0.4), rng.uniform(0.1, 0.18)
    tints = (colour(226, 150, 84), colour(90, 150, 220), colour(200, 90, 70), colour(210, 196, 150))
    _planet(picture, x, y, radius, np.array(tints[int(rng.integers(4))], np.float32), rng)
    if rng.random() < 0.5:
        centre = (int(x * size), int(y * size))
        axes = (int(radius * 1.7 * size), int(radius * 0.4 * size))
        cv2.ellipse(picture, centre, axes, -20, 0, 360, colour(230, 214, 180), max(1, size // 60), cv2.LINE_AA)
    glow(picture, rng.random(), rng.random(), 0.02, (1.0, 1.0, 1.0), 1.0)
    return picture


def _planet(picture: Picture, x: float, y: float, radius: float, tint: Picture, rng: RNG) -> None:
    """A ball with bands, lit from the upper left."""
    size = len(picture)
    down, across = np.mgrid[0:size, 0:size].astype(np.float32) / size
    u, v = (across - x) / radius, (down - y) / radius
    inside = np.clip((1 - np.hypot(u, v)) * radius * size, 0, 1)
    z = np.sqrt(np.clip(1 - u**2 - v**2, 0, 1))
    bands = 0.85 + 0.3 * cv2.resize(clouds(size, rng, 6)[: size // 5], (size, size))
    light = np.clip(-0.5 * u - 0.45 * v + 0.74 * z, 0.04, 1)
    picture += (np.clip(tint * (light * bands)[..., None] * 1.2, 0, 1) - picture) * inside[..., None]
