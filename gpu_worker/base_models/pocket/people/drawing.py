"""One picture of one person: the drawn figure over a scene, its exact alpha, and what is to be seen.

Composites and describes; geometry, shading and words come from the modules beside it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu_worker.base_models.pocket.people import hair, props
from gpu_worker.base_models.pocket.people.geometry import join, pose_of, shape
from gpu_worker.base_models.pocket.people.mesh import Floats, mesh
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.renderer import Figure, renderer
from gpu_worker.base_models.pocket.people.scenes import scene
from gpu_worker.base_models.pocket.people.shot import Shot
from gpu_worker.base_models.pocket.people.vocabulary import caption

SAMPLES = 2  # drawn this many times larger each way: 4 samples a pixel, a third of the time of 9


@dataclass(frozen=True)
class Drawing:
    """`image` (size, size, 3) uint8 sRGB; `alpha` (size, size) float32 in [0, 1], exact coverage."""

    image: NDArray[np.uint8]
    alpha: Floats
    attributes: dict[str, str]
    caption: str


def draw(person: Person, shot: Shot, size: int) -> Drawing:
    """Draw `size` x `size` pixels; equal arguments give equal pixels on one machine.

    Raises FileNotFoundError when the mesh was never fetched, and moderngl's error when there is no EGL.
    """
    layer = renderer().render(_figure(person, shot), person, shot, size * SAMPLES)
    blocks = layer.reshape(size, SAMPLES, size, SAMPLES, 4)
    alpha = blocks[..., 3].mean(axis=(1, 3))
    front = (blocks[..., :3] * blocks[..., 3:]).mean(axis=(1, 3))
    rng = np.random.default_rng([17, person.seed, shot.seed])
    picture = front + (1 - alpha[..., None]) * scene(shot.scene, size, rng)
    picture = np.nan_to_num(picture) + rng.normal(0, 0.008, picture.shape)
    seen = attributes(person, shot)
    image = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    return Drawing(image, alpha.astype(np.float32), seen, caption(seen))


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
        "mood": shot.mood,
        "garment": shot.garment,
        "garment_colour": shot.garment_colour,
        "scene": shot.scene,
    }


def _figure(person: Person, shot: Shot) -> Figure:
    body = mesh()
    pose = pose_of(shot)
    facing = shape(person, shot)
    weights = pose.weights(body.rest[:, 1])
    turned = pose.apply(facing, weights)
    grow = hair.growth(person, facing, body.normals(facing))
    surfaces = hair.pieces(person, facing, pose) + props.worn(shot, facing, turned, pose)
    return Figure(
        positions=turned,
        normals=body.normals(turned),
        grow=np.asarray(grow + weights * (grow @ pose.rotation.T - grow), np.float32),
        props=join(surfaces) if surfaces else None,
        target=_target(facing, turned, shot),
    )


def _target(facing: Floats, turned: Floats, shot: Shot) -> Floats:
    """The camera looks a little below the eyes' height, so that head and shoulders fill the picture."""
    body = mesh()
    eyes = float(facing[body.part == 1][:, 1].mean())
    head = turned[(body.part < 0.5) & (body.rest[:, 1] > 6.8)]
    middle = float(head[:, 0].mean())
    return np.array([middle * 0.7 + shot.shift[0], eyes - 0.36 + shot.shift[1], 0.6], np.float32)
