"""Backgrounds for made photos: studio paper, soft gradients, the photo's own place out of focus, drawn places.

Nobody stands in them; the light on the subject is not decided here.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.few_photos.framing import Frame
from gpu_worker.few_photos.light import Picture, to_linear, to_srgb
from gpu_worker.few_photos.places import PLACES, TINTS, draw_place
from gpu_worker.few_photos.source import Source

Colour = tuple[int, int, int]

# What portrait studios hang up, sRGB: quiet, so that the subject stays what is learnt.
PAPERS: dict[str, Colour] = {
    "white": (238, 238, 236),
    "light grey": (190, 191, 193),
    "grey": (132, 133, 136),
    "charcoal": (58, 60, 64),
    "cream": (224, 212, 192),
    "blue grey": (120, 136, 154),
    "sage": (142, 152, 132),
    "clay": (170, 132, 112),
}
GRADIENTS: dict[str, tuple[Colour, Colour]] = {
    "mist": (PAPERS["white"], PAPERS["blue grey"]),
    "slate": (PAPERS["grey"], PAPERS["charcoal"]),
    "sand": (PAPERS["cream"], PAPERS["clay"]),
    "dusk": ((198, 178, 176), (82, 88, 116)),
    "moss": ((196, 200, 182), (84, 98, 84)),
    "sea": ((196, 214, 220), (74, 108, 124)),
}
OWN = {"soft": 0.02, "far": 0.05}  # blur of the photo's own place, share of the side
KINDS: dict[str, tuple[str, ...]] = {
    "paper": tuple(PAPERS),
    "gradient": tuple(GRADIENTS),
    "own": tuple(OWN),
    "place": tuple(f"{place}, {tint}" for tint in TINTS for place in PLACES),
}
UNHIDDEN = 0.02  # of the subject at most in a pixel that counts as its place alone
OWN_SIDE = 192  # px at which the photo's own place is filled and blurred: no finer detail survives
BLUR_PIXELS = 8  # px of a blur's standard deviation that are enough to work it out
GRAIN = 1.2 / 255  # standard deviation of a camera's noise: without it paper is too smooth to be true


@dataclass(frozen=True)
class Background:
    """A kind of KINDS, one of its names, and the seed of everything left open."""

    kind: str
    name: str
    seed: int


def paint(background: Background, source: Source, frame: Frame, side: int) -> Picture:
    """The background as sRGB, float32 (side, side, 3) in [0, 1], with grain.

    Only the photo's own place follows the frame: what stood behind the subject was never seen, and stays hidden.
    """
    rng = np.random.default_rng(background.seed)
    if background.kind == "paper":
        picture = _paper(PAPERS[background.name], side, rng)
    elif background.kind == "gradient":
        picture = _gradient(*GRADIENTS[background.name], side, rng)
    elif background.kind == "own":
        picture = frame.warp(_own(source, OWN[background.name], rng), side)
    else:
        place, tint = background.name.split(", ")
        picture = draw_place(place, tint, side, rng)
    grain = rng.normal(0, GRAIN, (side, side, 1)).astype(np.float32)
    return np.asarray(np.clip(picture + grain, 0, 1), np.float32)


def _linear_colour(colour: Colour) -> NDArray[np.float32]:
    return to_linear(np.array(colour, np.float32) / np.float32(255))


def _glow(side: int, rng: np.random.Generator, falloff: float) -> NDArray[np.float32]:
    """A lamp's light on a wall, (side, side, 1): 1 where it hangs, less by `falloff` one side away."""
    at = np.arange(side) / side
    x, y = rng.uniform(0.25, 0.75), rng.uniform(0.2, 0.6)
    away = (at[None] - x) ** 2 + (at[:, None] - y) ** 2
    return np.asarray(1 / (1 + falloff * away), np.float32)[..., None]


def _paper(colour: Colour, side: int, rng: np.random.Generator) -> Picture:
    paper = _linear_colour(colour) * rng.uniform(0.9, 1.08)
    return to_srgb(paper * _glow(side, rng, rng.uniform(0.3, 1.2)))


def _gradient(light: Colour, dark: Colour, side: int, rng: np.random.Generator) -> Picture:
    at = np.arange(side, dtype=np.float32) / side - 0.5
    turn = rng.uniform(0.15, 0.85) * np.pi  # mostly downwards: rooms are lit from above
    along = at[None] * np.cos(turn) + at[:, None] * np.sin(turn)
    share = 1 / (1 + np.exp(-6 * (along - rng.uniform(-0.15, 0.2))))[..., None]
    mixed = _linear_colour(light) * (1 - share) + _linear_colour(dark) * share
    return to_srgb(np.asarray(mixed, np.float32) * _glow(side, rng, 0.5))


def _own(source: Source, blur: float, rng: np.random.Generator) -> Picture:
    """The photo's own place, the subject taken out and the hole filled from around it, out of focus.

    Method: normalised convolution (Knutsson and Westin, "Normalized and Differential Convolution", 1993), fine
    where the place is seen, coarser where the subject hid it.
    """
    place = _shrunk(to_linear(np.asarray(source.image, np.float32) / np.float32(255)), OWN_SIDE)
    seen = _shrunk((source.opacity < UNHIDDEN).astype(np.float32), OWN_SIDE)[..., None]
    filled: NDArray[np.float32] = np.full_like(place, place.mean((0, 1)))
    for sigma in (0.3, 0.12, blur * rng.uniform(0.85, 1.3)):
        weight = _blurred(seen, sigma)
        sure = np.clip(weight * 4, 0, 1)
        spread = _blurred(place * seen, sigma) / np.maximum(weight, 1e-6)
        filled = np.asarray(filled * (1 - sure) + spread * sure, np.float32)
    return to_srgb(filled)


def _blurred(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blurred by `sigma`, a share of the side; worked out on fewer pixels where the blur leaves no more to see."""
    size = len(picture)
    small = _shrunk(picture, min(size, round(BLUR_PIXELS / sigma)))
    soft = cv2.GaussianBlur(small, (0, 0), sigma * len(small))
    large = cv2.resize(soft, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large.reshape(picture.shape), np.float32)


def _shrunk(picture: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.float32)
