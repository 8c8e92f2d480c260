"""Beard, goatee and moustache as strands: where they grow and how they fall. Stubble is painted with the skin."""

import numpy as np
from numpy.typing import NDArray

from gpu_worker.base_models.pocket.people.mesh import Floats, mesh
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.posture import Pose
from gpu_worker.base_models.pocket.people.strands import STEPS, Roots, Strands, clump, sow

COUNT = 6000  # over the lower face; a beard keeps about a third
KINDS = ("beard", "goatee", "moustache")


def beard_strands(person: Person, positions: Floats, normals: Floats, pose: Pose) -> Strands | None:
    """Strands on the face of `positions` (M, 3), which faces the camera; None where there are none."""
    if person.beard not in KINDS:
        return None
    every = sow("face", COUNT)
    above_lip = _above_lip(every.rest)
    grown = {"beard": _full(every.rest) | above_lip, "goatee": _chin(every.rest) | above_lip, "moustache": above_lip}
    bare = every.on(mesh().masks[:, :3])[:, :2].max(axis=1) > 0.06  # lips and the inside of the mouth
    chosen = grown[person.beard] & ~bare
    chosen &= ~_around_mouth(every.rest)
    points = _fall(person, every.only(chosen), above_lip[chosen], positions, normals)
    rng = np.random.default_rng([53, person.seed])
    points, _ = clump(points, 260, 0.2, rng)
    turned = pose.apply(points.reshape(-1, 3), pose.weights(points.reshape(-1, 3)[:, 1])).reshape(points.shape)
    width = 0.010 * (1 - 0.7 * np.linspace(0, 1, STEPS) ** 2) * rng.uniform(0.7, 1.3, (len(points), 1))
    chance, rank = rng.random((2, len(points))).astype(np.float32)
    return Strands(turned, np.asarray(width, np.float32), chance, 0.4 + 0.6 * rank)


def _fall(person: Person, seeds: Roots, above_lip: NDArray[np.bool_], positions: Floats, normals: Floats) -> Floats:
    root, out = seeds.on(positions), seeds.on(normals)
    rng = np.random.default_rng([59, person.seed])
    length = np.where(above_lip, 0.05, 0.05 + 0.11 * person.sweep**2 * np.clip((6.9 - seeds.rest[:, 1]) / 0.5, 0, 1))
    length = length * rng.uniform(0.75, 1.2, len(root))
    side = np.sign(seeds.rest[:, 0]) * np.where(above_lip, 0.8, 0.1)
    down = np.stack([side, np.full(len(root), -1.0), np.full(len(root), 0.12)], axis=1)
    down += 0.2 * rng.standard_normal(down.shape)
    share = np.linspace(0, 1, STEPS)[None, :, None]
    away = out[:, None] * (0.02 + 0.25 * share * (1 - 0.45 * share) * length[:, None, None])
    return np.asarray(root[:, None] + away + down[:, None] * (share**1.2) * length[:, None, None], np.float32)


def _full(rest: Floats) -> NDArray[np.bool_]:
    across, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    cheek = 6.60 + 0.42 * np.clip((across - 0.35) / 0.4, 0, 1)
    throat = 6.14 - 0.3 * np.clip((z - 0.6) / 0.5, 0, 1)
    burns = (np.abs(z - 0.62) < 0.09) & (across > 0.6) & (y < 7.2) & (y > 6.6)
    return np.asarray(((y < cheek) & (y > throat) & (z > 0.42)) | burns)


def _above_lip(rest: Floats) -> NDArray[np.bool_]:
    across, y = np.abs(rest[:, 0]), rest[:, 1]
    return np.asarray((y > 6.70) & (y < 6.82 - 0.25 * across) & (across < 0.36) & (rest[:, 2] > 1.2))


def _around_mouth(rest: Floats) -> NDArray[np.bool_]:
    """A bare rim, so that the mouth is seen."""
    return np.asarray((rest[:, 0] / 0.34) ** 2 + ((rest[:, 1] - 6.595) / 0.125) ** 2 < 1)


def _chin(rest: Floats) -> NDArray[np.bool_]:
    across, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    beside = (across > 0.28) & (across < 0.38) & (y < 6.75) & (y > 6.3) & (z > 0.95)
    return np.asarray(((across < 0.30) & (y < 6.46) & (y > 6.05) & (z > 0.95)) | beside)
