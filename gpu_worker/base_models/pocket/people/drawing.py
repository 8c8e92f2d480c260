"""One picture of one person: the drawn figure over a scene, its exact alpha, and what is to be seen.

Composites and describes; geometry, shading and words come from the modules beside it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.base_models.pocket.people.camera import expose
from gpu_worker.base_models.pocket.people.figure import figure_of
from gpu_worker.base_models.pocket.people.landmarks import Landmark, landmarks_of
from gpu_worker.base_models.pocket.people.lighting import light_of, view_of
from gpu_worker.base_models.pocket.people.mesh import Floats
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.renderer import renderer
from gpu_worker.base_models.pocket.people.scenes import scene
from gpu_worker.base_models.pocket.people.shot import Shot
from gpu_worker.base_models.pocket.people.surface import linear
from gpu_worker.base_models.pocket.people.vocabulary import caption

OPEN = 0.5  # dm behind the person: what the air beside them counts as
SAMPLES = 2  # drawn this many times larger each way: 4 samples a pixel, a third of the time of 9
CREASES = ((0.05, 0.35), (0.16, 0.45))  # (reach in dm, darkness): what lies behind its surroundings gets less light


@dataclass(frozen=True)
class Drawing:
    """`image` (size, size, 3) uint8 sRGB; `alpha` (size, size) float32 in [0, 1], exact coverage.

    `depth` (size, size) float32: metres from the camera's plane, inf where only the scene is seen. `landmarks` are
    points of the face and `skeleton` joints of the pose, by name, in pixels.
    """

    image: NDArray[np.uint8]
    alpha: Floats
    depth: Floats
    landmarks: dict[str, Landmark]
    skeleton: dict[str, Landmark]
    attributes: dict[str, str]
    caption: str


def draw(person: Person, shot: Shot, size: int) -> Drawing:
    """Draw `size` x `size` pixels; equal arguments give equal pixels on one machine.

    Raises FileNotFoundError when the mesh was never fetched, and moderngl's error when there is no EGL.
    """
    rng = np.random.default_rng([17, person.seed, shot.seed])
    behind = scene(shot.scene, size, rng)
    figure, light = figure_of(person, shot), light_of(shot, linear(person.skin_rgb), behind)
    view = view_of(figure.target, shot)
    layer, distance = renderer().render(figure, person, shot, view, light, size * SAMPLES)
    shaded = layer[..., :3] * _creases(distance, layer[..., 3], shot.span)[..., None]
    alpha, front = _shrink(layer[..., 3], size), _shrink(shaded * layer[..., 3:], size)
    picture = np.nan_to_num(front + (1 - alpha[..., None]) * behind)
    image, soft = expose(picture, alpha, shot.camera, rng)
    seen = attributes(person, shot)
    points, joints = landmarks_of(figure.positions, view, distance)
    return Drawing(
        image,
        soft,
        _depth(distance, layer[..., 3], size),
        _scaled(points, size),
        _scaled(joints, size),
        seen,
        caption(seen),
    )


def attributes(person: Person, shot: Shot) -> dict[str, str]:
    """What the picture shows, in the words of vocabulary.py."""
    return {
        "class_noun": person.gender,
        "age": person.age,
        "skin": person.skin,
        "hair_style": person.hair_style,
        "hair_colour": person.hair_colour,
        "eye_colour": person.eye_colour,
        "beard": person.beard,
        "freckles": "yes" if person.freckles else "no",
        "glasses": shot.glasses,
        "hat": shot.hat,
        "mood": shot.mood,
        "garment": shot.garment,
        "garment_colour": shot.garment_colour,
        "scene": shot.scene,
    }


def _shrink(values: Floats, size: int) -> Floats:
    blocks = values.reshape(size, SAMPLES, size, SAMPLES, *values.shape[2:])
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def _depth(distance: Floats, alpha: Floats, size: int) -> Floats:
    """The nearest sample of each pixel that shows anybody, dm to metres."""
    blocks = np.where(alpha > 0, distance / 10, np.inf).reshape(size, SAMPLES, size, SAMPLES)
    return np.asarray(blocks.min(axis=(1, 3)), np.float32)


def _creases(distance: Floats, alpha: Floats, span: float) -> Floats:
    """What is left of the light, (H, W): less behind a chin, a lock, a collar.

    Method: unsharp masking of the depth buffer (Luft, Colditz, Deussen, "Image enhancement by unsharp masking the
    depth buffer", 2006).
    """
    known = np.where(alpha > 0, distance, distance[alpha > 0].max(initial=0) + OPEN).astype(np.float32)
    left = np.ones_like(alpha)
    for reach, darkness in CREASES:
        near = cv2.GaussianBlur(known, (0, 0), reach / span * len(alpha))
        left *= 1 - darkness * np.clip((known - near) / (reach * 2.0) - 0.05, 0, 1)
    return np.asarray(np.where(alpha > 0, left, 1), np.float32)


def _scaled(points: dict[str, Landmark], size: int) -> dict[str, Landmark]:
    return {name: Landmark(point.x * size, point.y * size, point.seen) for name, point in points.items()}
