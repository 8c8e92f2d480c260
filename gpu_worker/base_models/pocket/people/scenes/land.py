"""Scenes under the sky: beach, forest, snow, sunset, park, mountains, desert."""

import cv2
import numpy as np

from gpu_worker.base_models.pocket.people.scenes.painting import (
    RNG,
    Colour,
    Picture,
    box,
    clouds,
    colour,
    disc,
    glow,
    gradient,
    grain,
    leaves,
    mix,
    shade,
    shape,
    side,
)


def sky(picture: Picture, rng: RNG, horizon: float, tint: Colour = (1.0, 1.0, 1.0), much: float = 3.0) -> None:
    """Clouds above `horizon`, flatter the lower they are."""
    size = len(picture)
    low = int(horizon * size)
    band = cv2.resize(clouds(size, rng, 3), (size, max(1, low)))
    mix(picture[:low], tint, (band - rng.uniform(0.5, 0.62)) * much)


def ridge(picture: Picture, rng: RNG, base: float, height: float, tint: Colour, steps: int = 40) -> None:
    """A line of hills or rocks up to `height` above `base`, all below it filled."""
    x = np.linspace(-0.05, 1.05, steps)
    waves = [rng.uniform(0.3, 1) / k * np.sin(x * k * rng.uniform(3, 5) + rng.uniform(0, 6)) for k in (1, 2, 4, 8)]
    y = np.sum(waves, axis=0)
    y = base - height * (y - y.min()) / (y.max() - y.min())
    line = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    shape(picture, [(-0.05, 1.0), *line, (1.05, 1.0)], tint)


def beach(size: int, rng: RNG) -> Picture:
    horizon, shore = rng.uniform(0.38, 0.5), rng.uniform(0.6, 0.68)
    picture = gradient(size, (0, colour(70, 150, 225)), (horizon, colour(200, 228, 246)), (1, colour(200, 228, 246)))
    sky(picture, rng, horizon)
    sea = gradient(size, (horizon, colour(14, 96, 150)), (shore, colour(70, 190, 195)), (1, colour(70, 190, 195)))
    top, low = int(horizon * size), int(shore * size)
    waves = cv2.resize(clouds(size, rng, 24)[: size // 6], (size, size))
    picture[top:low] = sea[top:low] * (0.82 + 0.36 * waves[top:low, :, None])
    picture[low:] = np.array(colour(232, 206, 150), np.float32)
    grain(picture, rng, 14, 0.10, shore)
    for at in (shore - 0.05, shore - 0.012, shore + 0.005):
        box(picture, 0, at - 0.006, 1, at + 0.004, colour(244, 250, 250))
    if rng.random() < 0.75:
        _palm(picture, side(rng), rng.uniform(0.10, 0.2), rng)
    return picture


def _palm(picture: Picture, x: float, tip: float, rng: RNG) -> None:
    bend = rng.uniform(-0.05, 0.05)
    way = [(x + bend * (1 - v) ** 2, tip + (0.78 - tip) * v) for v in np.linspace(0, 1, 8)]
    wide = [(a + 0.010 + 0.008 * k / 7, b) for k, (a, b) in enumerate(way)]
    shape(picture, way + wide[::-1], colour(112, 84, 58))
    for angle in np.linspace(-0.4, np.pi + 0.4, 11):
        reach, tint = rng.uniform(0.16, 0.24), shade(colour(52, 128, 52), rng.uniform(0.6, 1.2))
        x0, y0 = way[0]
        middle = x0 + reach * 0.55 * np.cos(angle), y0 - reach * 0.34 * np.sin(angle)
        end = x0 + reach * np.cos(angle), y0 - reach * 0.25 * np.sin(angle) + 0.09
        shape(picture, [(x0, y0), (middle[0], middle[1] - 0.02), end, (middle[0], middle[1] + 0.018)], tint)


def forest(size: int, rng: RNG) -> Picture:
    picture = gradient(size, (0, colour(150, 190, 110)), (0.5, colour(74, 124, 58)), (1, colour(52, 72, 34)))
    mix(picture, colour(214, 232, 150), (clouds(size, rng, 7) - 0.55) * 3)
    for far in (0.5, 0.8, 1.15):
        for _ in range(6):
            x, wide, tint = rng.random(), 0.028 * far, shade(colour(104, 78, 54), 1.3 - 0.6 * far)
            lean = rng.uniform(-0.02, 0.02)
            foot = rng.uniform(0.75, 0.95)
            shape(picture, [(x, 0), (x + wide, 0), (x + wide * 1.3 + lean, foot), (x + lean - wide * 0.3, foot)], tint)
            box(picture, x + wide * 0.7, 0, x + wide, foot - 0.2, shade(tint, 0.6))
        for _ in range(5):
            leaves(picture, rng, rng.random(), rng.uniform(0.0, 0.35), 0.13 * far, colour(64, 124, 46), 30)
    down = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    mix(picture, colour(28, 78, 30), (clouds(size, rng, 11) - 0.55) * 3 * (1.1 - 0.9 * down))
    mix(picture, colour(66, 98, 40), np.clip((down - 0.78) * 8, 0, 0.8))
    for _ in range(12):
        glow(picture, rng.random(), rng.uniform(0, 0.5), rng.uniform(0.01, 0.03), colour(230, 240, 170), 0.4)
    return picture


def snow(size: int, rng: RNG) -> Picture:
    horizon = rng.uniform(0.5, 0.62)
    picture = gradient(size, (0, colour(164, 192, 222)), (horizon, colour(226, 234, 242)), (1, colour(246, 249, 253)))
    sky(picture, rng, horizon, much=1.5)
    ridge(picture, rng, horizon, rng.uniform(0.2, 0.34), colour(168, 188, 212))
    ridge(picture, rng, horizon + 0.03, 0.16, colour(206, 220, 234))
    box(picture, 0, horizon, 1, 1, colour(244, 248, 253))
    grain(picture, rng, 5, 0.04, horizon)
    for _ in range(9):
        far = rng.uniform(0.4, 1.2)
        _fir(
            picture,
            side(rng) if far > 0.7 else rng.random(),
            horizon + 0.05 + 0.22 * far * rng.random(),
            far * 0.34,
            rng,
        )
    for _ in range(110):
        disc(picture, rng.random(), rng.random(), rng.uniform(0.002, 0.009), (1, 1, 1))
    return picture


def _fir(picture: Picture, x: float, foot: float, tall: float, rng: RNG) -> None:
    for part in range(5):
        y, wide = foot - tall * part / 5, tall * (0.30 - 0.052 * part)
        tip, tint = y - tall * 0.30, shade(colour(50, 84, 76), rng.uniform(0.8, 1.15))
        shape(picture, [(x - wide, y), (x, tip), (x + wide, y)], tint)
        shape(
            picture,
            [(x - wide * 0.7, y - tall * 0.08), (x, tip), (x + wide * 0.3, y - tall * 0.1)],
            colour(240, 245, 250),
        )


def sunset(size: int, rng: RNG) -> Picture:
    horizon = rng.uniform(0.58, 0.72)
    stops = ((0, colour(70, 50, 120)), (horizon * 0.5, colour(222, 92, 92)), (horizon, colour(255, 188, 84)))
    picture = gradient(size, *stops, (1, colour(120, 54, 56)))
    x, y = side(rng), horizon - rng.uniform(0.02, 0.12)
    glow(picture, x, y, 0.25, colour(255, 200, 90), 0.55)
    disc(picture, x, y, rng.uniform(0.06, 0.09), colour(255, 244, 170))
    bands = cv2.resize(clouds(size, rng, 5)[: size // 4], (size, size))
    down = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    mix(picture, colour(180, 66, 108), (bands - 0.56) * 2.5 * (down < horizon))
    mix(picture, colour(255, 214, 150), (0.42 - bands) * 2 * (down < horizon))
    ridge(picture, rng, horizon + 0.02, 0.08, colour(104, 46, 74))
    ridge(picture, rng, horizon + 0.10, 0.07, colour(58, 26, 48))
    return picture


def park(size: int, rng: RNG) -> Picture:
    horizon = rng.uniform(0.5, 0.6)
    picture = gradient(size, (0, colour(122, 176, 226)), (horizon, colour(214, 228, 232)), (1, colour(214, 228, 232)))
    sky(picture, rng, horizon)
    lawn = gradient(size, (horizon, colour(120, 160, 74)), (1, colour(92, 146, 58)))
    picture[int(horizon * size) :] = lawn[int(horizon * size) :]
    grain(picture, rng, 18, 0.12, horizon)
    bend = rng.uniform(-0.2, 0.2)
    shape(picture, [(0.46, horizon), (0.54, horizon), (0.85 + bend, 1.0), (0.35 + bend, 1.0)], colour(206, 190, 160))
    for x in np.linspace(-0.05, 1.05, 8):
        leaves(picture, rng, x + rng.uniform(-0.05, 0.05), horizon - 0.10, 0.12, colour(96, 138, 70), 40)
    for x in (rng.uniform(0.0, 0.16), rng.uniform(0.84, 1.0)):
        box(picture, x - 0.02, 0.3, x + 0.02, horizon + 0.16, colour(92, 70, 52))
        leaves(picture, rng, x, 0.2, 0.24, colour(82, 150, 56), 110)
    return picture


def mountains(size: int, rng: RNG) -> Picture:
    picture = gradient(size, (0, colour(84, 140, 206)), (0.6, colour(206, 222, 236)), (1, colour(206, 222, 236)))
    sky(picture, rng, 0.5)
    far = picture.copy()
    ridge(far, rng, 0.62, rng.uniform(0.34, 0.46), colour(128, 142, 166), 26)
    rock = np.abs(far - picture).sum(axis=2) > 0.02
    down = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    mix(far, (0.97, 0.98, 1.0), rock * np.clip((0.42 - down + 0.5 * (clouds(size, rng, 9) - 0.5)) * 6, 0, 1))
    grain(far, rng, 20, 0.10, 0.1, 0.7)
    ridge(far, rng, 0.74, 0.16, colour(84, 108, 96))
    ridge(far, rng, 0.9, 0.14, colour(96, 128, 66))
    grain(far, rng, 22, 0.12, 0.66)
    return far


def desert(size: int, rng: RNG) -> Picture:
    horizon = rng.uniform(0.48, 0.58)
    picture = gradient(size, (0, colour(96, 160, 222)), (horizon, colour(238, 226, 200)), (1, colour(238, 226, 200)))
    ridge(picture, rng, horizon + 0.02, 0.10, colour(198, 128, 84), 14)
    for number, tint in enumerate((colour(228, 172, 108), colour(214, 150, 88), colour(234, 182, 118))):
        ridge(picture, rng, horizon + 0.08 + 0.13 * number, 0.09, tint, 30)
    ripples = cv2.resize(clouds(size, rng, 26)[: size // 5], (size, size))
    low = int(horizon * size)
    picture[low:] *= 0.88 + 0.24 * ripples[low:, :, None]
    if rng.random() < 0.6:
        x, tint = side(rng), colour(76, 118, 66)
        for left, top, right, foot in ((-0.02, 0.36, 0.02, 0.8), (-0.09, 0.46, -0.06, 0.6), (-0.09, 0.57, 0, 0.61)):
            box(picture, x + left, top, x + right, foot, tint)
            box(picture, x + right - 0.01, top, x + right, foot, shade(tint, 0.7))
    return picture
