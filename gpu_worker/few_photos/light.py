"""Light: the subject takes on its new place's colours a little, and both take the camera's exposure.

What stands where is decided elsewhere; nothing is moved here.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]  # (S, S, 3), sRGB or linear light in [0, 1]
Plane = NDArray[np.float32]  # (S, S) in [0, 1]

MAX_SHIFT = 5.0  # CIELAB units by which the subject's mean may move: skin must stay this person's skin
SPREAD = (0.94, 1.06)  # bounds of the change of the subject's contrast


@dataclass(frozen=True)
class Light:
    """How a made photo is lit.

    `exposure` in EV; `warmth` is the share by which red grows and blue shrinks; `direction` is where the light
    comes from, degrees clockwise from the right, so that 270 is above; `relief` its EV between lit and unlit side;
    `transfer` the share, 0..1, of the background's colours that the subject takes on.
    """

    exposure: float
    warmth: float
    direction: float
    relief: float
    transfer: float


def to_linear(picture: Picture) -> Picture:
    """Linear light of sRGB (IEC 61966-2-1)."""
    return np.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4).astype(np.float32)


def to_srgb(picture: Picture) -> Picture:
    """sRGB of linear light, clipped to [0, 1]."""
    linear = np.clip(picture, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def adapted(subject: Picture, opacity: Plane, background: Picture, transfer: float) -> Picture:
    """The subject's colours, sRGB, moved `transfer` of the way to the background's mean and spread, within bounds.

    Method: Reinhard, Ashikhmin, Gooch and Shirley, "Color Transfer between Images", 2001, eq. 10 and 11, in
    CIELAB instead of their l-alpha-beta, and far from the whole way: they repaint a landscape, we keep a person.
    """
    own, other = cv2.cvtColor(subject, cv2.COLOR_RGB2Lab), cv2.cvtColor(background, cv2.COLOR_RGB2Lab)
    weights = opacity / max(float(opacity.sum()), 1e-6)
    mean = np.einsum("ij,ijk->k", weights, own)
    deviation = np.sqrt(np.einsum("ij,ijk->k", weights, (own - mean) ** 2))
    shift = transfer * (other.mean((0, 1)) - mean)
    shift *= min(1.0, MAX_SHIFT / max(float(np.linalg.norm(shift)), 1e-6))
    spread = np.clip(((other.std((0, 1)) + 1) / (deviation + 1)) ** transfer, *SPREAD)
    moved = np.asarray((own - mean) * spread + mean + shift, np.float32)
    return np.clip(cv2.cvtColor(moved, cv2.COLOR_Lab2RGB), 0, 1)


def relight(light: Light, side: int, face: tuple[float, float], reach: float) -> Plane:
    """Gains (side, side) of a light that comes from one side: 1 at the face's centre, smooth over `reach`.

    `face` and `reach` are shares of the side. In the image plane only: the head's shape is not known here.
    """
    at = (np.arange(side, dtype=np.float32) + 0.5) / side
    turn = math.radians(light.direction)
    along = (at[None] - face[0]) * math.cos(turn) + (at[:, None] - face[1]) * math.sin(turn)
    return np.asarray(2 ** (light.relief / 2 * np.tanh(along / reach)), np.float32)


def camera(light: Light) -> NDArray[np.float32]:
    """Gains (3,) of exposure and white balance; warmth leaves the brightness of grey as it is (Rec. 709 weights)."""
    balance = np.array([1 + light.warmth, 1.0, 1 - light.warmth])
    balance /= balance @ (0.2126, 0.7152, 0.0722)
    return np.asarray(balance * 2**light.exposure, np.float32)


def exposed(picture: Picture, gains: NDArray[np.float32]) -> Picture:
    """sRGB under `gains` of its linear light; what gets brighter nears white without reaching it."""
    linear = to_linear(picture)
    up = np.maximum(gains, 1)
    brighter = linear * up / (1 + linear * (up - 1))
    return to_srgb(np.asarray(brighter * np.minimum(gains, 1), np.float32))
