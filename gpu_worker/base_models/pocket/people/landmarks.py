"""Points of the face and joints of the pose: where they lie in the picture, and whether they are seen.

Each is the mean of vertices that were chosen on the mesh at rest. Draws nothing.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from gpu_worker.base_models.pocket.people.lighting import View
from gpu_worker.base_models.pocket.people.mesh import Floats, Ints, mesh

TOUCH = 0.12  # dm: a point this far behind what is drawn there still counts as seen
INSIDE = 0.6  # the same for joints, which lie in the body and under clothes
# Places on the mesh at rest, dm; "left" and "right" are the person's own, so left is at positive x.
FACE = {
    "nose tip": (0.0, 6.96, 1.72),
    "nose base": (0.0, 6.85, 1.55),
    "nose bridge": (0.0, 7.28, 1.45),
    "upper lip": (0.0, 6.68, 1.58),
    "lower lip": (0.0, 6.54, 1.55),
    "chin": (0.0, 6.28, 1.45),
    "forehead": (0.0, 7.85, 1.45),
}
SIDES = {
    "outer eye corner": (0.44, 7.28, 1.27),
    "inner eye corner": (0.17, 7.25, 1.33),
    "mouth corner": (0.24, 6.61, 1.42),
    "inner brow": (0.12, 7.5, 1.45),
    "outer brow": (0.52, 7.5, 1.2),
    "nostril": (0.13, 6.88, 1.5),
    "cheek": (0.55, 6.9, 1.2),
    "jaw": (0.62, 6.55, 0.7),
    "ear": (0.82, 7.05, 0.5),
}
JOINTS = {"neck": (0.0, 5.75, 0.6), "shoulder": (1.5, 5.6, 0.15), "elbow": (2.6, 4.4, 0.1)}


@dataclass(frozen=True)
class Landmark:
    """A place, x right and y down; `seen` says that it lies in the picture and nothing hides it."""

    x: float
    y: float
    seen: bool


def landmarks_of(positions: Floats, view: View, distance: Floats) -> tuple[dict[str, Landmark], dict[str, Landmark]]:
    """(points of the face, joints of the pose) of posed `positions` (M, 3), in [0, 1] of the picture.

    `distance` (H, W) dm tells what is hidden. Joints are named as in OpenPose (Cao et al., 2019), without hips.
    """
    names = list(_vertices())
    places = np.stack([positions[index].mean(axis=0) for index in _vertices().values()])
    at, far = view.project(places)
    deep = np.array([INSIDE if name.endswith(tuple(JOINTS)) else TOUCH for name in names])
    seen = _seen(at, far - deep, distance)
    every = {n: Landmark(float(x), float(y), bool(s)) for n, (x, y), s in zip(names, at, seen, strict=True)}
    joints = ("left eye", "right eye", "left ear", "right ear", "neck")
    skeleton = {"nose": every["nose tip"]} | {name: every[name] for name in joints}
    skeleton |= {name: point for name, point in every.items() if name.endswith(("shoulder", "elbow"))}
    return {name: point for name, point in every.items() if name not in skeleton or name in joints[:4]}, skeleton


def _seen(at: Floats, far: Floats, distance: Floats) -> list[bool]:
    size = len(distance)
    inside = ((at >= 0) & (at < 1)).all(axis=1)
    column, row = np.clip((at * size).astype(int), 0, size - 1).T
    return [bool(x) for x in inside & (far < distance[row, column])]


@cache
def _vertices() -> dict[str, Ints]:
    """The vertices whose mean is each point."""
    found = {name: _near(place) for name, place in FACE.items()}
    for side, sign in (("left", 1), ("right", -1)):
        found[f"{side} eye"] = _iris(sign)
        for name, (x, y, z) in SIDES.items():
            found[f"{side} {name}"] = _near((sign * x, y, z))
        for name in ("shoulder", "elbow"):
            found[f"{side} {name}"] = _near((sign * JOINTS[name][0], *JOINTS[name][1:]))
    return found | {"neck": _near(JOINTS["neck"])}


def _iris(sign: int) -> Ints:
    """Where one eye looks out of the head."""
    body = mesh()
    return np.flatnonzero((body.part == 1) & (body.rest[:, 0] * sign > 0) & (body.rest[:, 2] > 1.36)).astype(np.int32)


def _near(place: tuple[float, ...]) -> Ints:
    """The three vertices of the body that lie nearest."""
    body = mesh()
    far = np.linalg.norm(body.rest - np.array(place), axis=1) + 10 * (body.part > 0.5)
    return np.argsort(far)[:3].astype(np.int32)
