"""From a person and a shot to positions: morphs, the mood, subdivision, arms that hang.

The head still faces the camera here; posture.py turns it.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from gpu_worker.base_models.pocket.people.mesh import Floats, Mesh, mesh
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.posture import lower_arms
from gpu_worker.base_models.pocket.people.shot import Shot

TEETH = np.array([0.0, -0.30, 0.18], np.float32)  # dm that a smile brings them out by
MOODS: dict[str, dict[str, float]] = {  # expression targets at full strength
    "neutral": {"mouth-corner-puller": 0.16},  # relaxed faces of the mesh look sour without it
    "smiling": {
        "mouth-corner-puller": 0.75,
        "mouth-part-later": 0.32,
        "mouth-elevation": 0.15,
        "eye-left-slit": 0.22,
        "eye-right-slit": 0.22,
        "eyebrows-left-extern-up": 0.15,
        "eyebrows-right-extern-up": 0.15,
    },
    "sad": {
        "mouth-depression": 0.75,
        "eyebrows-left-inner-up": 1.1,
        "eyebrows-right-inner-up": 1.1,
        "eye-left-slit": 0.15,
        "eye-right-slit": 0.15,
    },
    "surprised": {
        "mouth-open": 0.34,
        "eyebrows-left-up": 0.9,
        "eyebrows-right-up": 0.9,
        "eye-left-opened-up": 0.8,
        "eye-right-opened-up": 0.8,
    },
}


@cache
def _neck() -> NDArray[np.bool_]:
    """Vertices (M,) around the middle of the neck."""
    body = mesh()
    near = (np.abs(body.rest[:, 1] - 6.0) < 0.12) & (np.abs(body.rest[:, 0]) < 0.7)
    return np.asarray(near & (body.part < 0.5))


def shape(person: Person, shot: Shot) -> Floats:
    """Finer positions (M, 3) of this person with this mood, facing the camera."""
    body: Mesh = mesh()
    positions = body.base.copy()
    mood = {name: weight * shot.mood_strength for name, weight in MOODS[shot.mood].items()}
    for weights in (person.axes, mood):
        for name, weight in weights.items():
            if weight and name in body.targets:
                index, offset = body.targets[name]
                positions[index] += np.float32(weight) * offset
    finer = np.asarray(body.subdivide @ positions, np.float32)
    finer += (body.rest[_neck()] - finer[_neck()]).mean(axis=0)  # tall or small, the neck bends at one place
    finer[body.part == 2] += TEETH * mood.get("mouth-part-later", 0.0)
    return lower_arms(finer, body.rest)
