"""Brushes for scenes: gradients, clouds of noise, boxes, discs, polygons; places run from 0 to 1 across a square."""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]  # (H, W, 3), sRGB in [0, 1]
RNG = np.random.Generator
Colour = tuple[float, float, float]


def colour(red: float, green: float, blue: float) -> Colour:
    return red / 255, green / 255, blue / 255


def gradient(size: int, *stops: tuple[float, Colour]) -> Picture:
    """Vertical gradient through (height from the top in 0..1, colour)."""
    at = np.linspace(0, 1, size)
    where = [stop for stop, _ in stops]
    column = np.stack([np.interp(at, where, [colour[k] for _, colour in stops]) for k in range(3)], axis=-1)
    return np.repeat(column[:, None], size, axis=1).astype(np.float32)


def clouds(size: int, rng: RNG, cells: int) -> Picture:
    """Smooth noise (size, size) in about [0, 1], coarse and fine together."""
    total = np.zeros((size, size), np.float32)
    for octave in range(3):
        grid = rng.random((cells * 2**octave + 1, cells * 2**octave + 1)).astype(np.float32)
        total += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC) / 2**octave
    return np.asarray(total / 1.75, np.float32)


def mix(picture: Picture, colour: Colour, mask: Picture) -> None:
    picture += (np.array(colour, np.float32) - picture) * np.clip(mask, 0, 1)[..., None]


def box(picture: Picture, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
    size = len(picture)
    cv2.rectangle(picture, (int(x0 * size), int(y0 * size)), (int(x1 * size), int(y1 * size)), colour, -1)


def disc(picture: Picture, x: float, y: float, radius: float, colour: Colour) -> None:
    size = len(picture)
    cv2.circle(picture, (int(x * size), int(y * size)), max(1, int(radius * size)), colour, -1, cv2.LINE_AA)


def shape(picture: Picture, points: list[tuple[float, float]], colour: Colour) -> None:
    corners = (np.array(points) * len(picture)).astype(np.int32)
    cv2.fillPoly(picture, [corners], colour, cv2.LINE_AA)


def side(rng: RNG) -> float:
    """A place left or right of the middle, where the person does not hide it."""
    return float(rng.choice([rng.uniform(0.05, 0.24), rng.uniform(0.76, 0.95)]))


def shade(tint: Colour, by: float) -> Colour:
    """`tint` lighter or darker."""
    red, green, blue = (min(1.0, x * by) for x in tint)
    return red, green, blue


def any_colour(rng: RNG, low: float = 0.15, high: float = 0.85) -> Colour:
    red, green, blue = (float(x) for x in rng.uniform(low, high, 3))
    return red, green, blue


def grain(picture: Picture, rng: RNG, cells: int, by: float, top: float = 0.0, low: float = 1.0) -> None:
    """Lighten and darken the rows from `top` to `low` in spots."""
    size = len(picture)
    rows = slice(int(top * size), int(low * size))
    picture[rows] *= 1 + by * (clouds(size, rng, cells)[rows, :, None] - 0.5) * 2


def leaves(picture: Picture, rng: RNG, x: float, y: float, radius: float, tint: Colour, count: int = 60) -> None:
    """A crown of a tree or a bush: discs, dark below and light above."""
    for _ in range(count):
        angle, far = rng.uniform(0, 2 * np.pi), radius * np.sqrt(rng.random())
        dx, dy = far * np.cos(angle), far * np.sin(angle)
        light = 0.75 - 0.45 * dy / radius + rng.uniform(-0.2, 0.2)
        disc(picture, x + dx, y + dy, radius * rng.uniform(0.10, 0.22), shade(tint, light))


def glow(picture: Picture, x: float, y: float, radius: float, tint: Colour, strength: float = 1.0) -> None:
    """Light that falls off around a place; adds up."""
    size = len(picture)
    down, across = np.mgrid[0:size, 0:size] / size
    far = ((across - x) ** 2 + (down - y) ** 2) / radius**2
    picture += (np.exp(-far) * strength)[..., None].astype(np.float32) * np.array(tint, np.float32)
