"""Each cut of hair as strands: how many, how wide, in which locks and curls, and under a hat.

The way they are combed stands in combs.py, how one strand lies over a skull in strands.py.
"""

from dataclasses import dataclass

import numpy as np

from gpu_worker.base_models.pocket.people.combs import comb
from gpu_worker.base_models.pocket.people.mesh import Floats, mesh
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.posture import Pose
from gpu_worker.base_models.pocket.people.shot import Shot
from gpu_worker.base_models.pocket.people.skull import Skull
from gpu_worker.base_models.pocket.people.strands import STEPS, Strands, clump, curl, sow

RNG = np.random.Generator


@dataclass(frozen=True)
class Cut:
    """How many strands, how wide and how far from the skin, dm; locks and how much they pull; (width, turns / dm)."""

    count: int
    width: float
    locks: int
    pull: float
    lift: float
    curl: tuple[float, float] = (0.0, 0.0)


CUTS = {
    "short": Cut(3400, 0.018, 300, 0.35, 0.05),
    "curly": Cut(4200, 0.017, 420, 0.50, 0.10, curl=(0.05, 1.7)),
    "afro": Cut(4200, 0.030, 600, 0.30, 0.05, curl=(0.06, 3.0)),
    "bob": Cut(3000, 0.026, 200, 0.30, 0.08, curl=(0.012, 0.5)),
    "long": Cut(3000, 0.028, 170, 0.30, 0.08, curl=(0.018, 0.4)),
    "wavy": Cut(3000, 0.028, 140, 0.40, 0.12, curl=(0.05, 0.75)),
    "bun": Cut(2600, 0.024, 120, 0.30, 0.035),
    "ponytail": Cut(2600, 0.024, 120, 0.30, 0.035),
}


def hair_strands(person: Person, shot: Shot, positions: Floats, skull: Skull, pose: Pose) -> list[Strands]:
    """All strands of head and face, turned with the head; `positions` (M, 3) face the camera."""
    found = []
    if person.hair_style in CUTS:
        found.append(_head(person, shot, positions, skull, pose))
    if person.hair_style == "ponytail":
        found.append(_tail(person, skull, pose))
    return found


def _head(person: Person, shot: Shot, positions: Floats, skull: Skull, pose: Pose) -> Strands:
    cut, rng = CUTS[person.hair_style], np.random.default_rng([43, person.seed])
    every = sow("scalp", cut.count)
    keep = every.above > person.hairline - 0.02 + 0.02 * rng.standard_normal(cut.count)
    keep &= every.on(mesh().masks[:, 1:])[:, 1] < 0.05  # not on the ears
    seeds = every.only(keep)
    root = seeds.on(positions)
    rank = np.clip(0.6 * rng.random(len(root)) + 0.4 * (seeds.rest[:, 1] - 7.2), 0, 1).astype(np.float32)
    points = comb(person, cut.lift, seeds, root, rank, skull, rng)
    points, lock = clump(points, cut.locks, cut.pull, rng)
    if cut.curl[0]:
        points = curl(points, lock, *cut.curl, rng)
    if shot.hat != "none":
        points = _under_hat(points, skull)
    chance = (0.6 * rng.random(len(root)) + 0.4 * rng.random(lock.max() + 1)[lock]).astype(np.float32)
    share = np.linspace(0, 1, STEPS)
    taper = (1 - 0.5 * share**2) * np.minimum(0.35 + 4 * share, 1)
    width = cut.width * (0.7 + 0.6 * rng.random((len(root), 1))) * taper
    return Strands(_turned(points, pose), np.asarray(width, np.float32), chance, rank)


def _under_hat(points: Floats, skull: Skull) -> Floats:
    """Pressed to the skull where a hat sits."""
    out = points - skull.heart
    far = np.linalg.norm(out, axis=-1, keepdims=True)
    way = np.asarray(out / far.clip(1e-6), np.float32)
    high = np.clip((way[..., 1:2] - 0.1) / 0.25, 0, 1)
    close = np.minimum(far, skull.radius(way)[..., None] + 0.02)
    return np.asarray(points + high * (skull.heart + way * close - points), np.float32)


def _tail(person: Person, skull: Skull, pose: Pose) -> Strands:
    """From the knot behind the head over one shoulder."""
    rng, count = np.random.default_rng([47, person.seed]), 420
    side = 1.0 if person.parting >= 0 else -1.0
    way = np.array([[0, 7.3, -0.45], [0.55, 7.0, -0.5], [0.85, 6.2, 0.0], [0.78, 5.6, 0.75], [0.72, 4.9, 1.2]])
    way[:, 0] *= side
    way[:, 1] += np.linspace(skull.top - 8.49, 0, 5)
    at = np.linspace(0, 4, STEPS)
    middle = np.stack([np.interp(at, range(5), way[:, k]) for k in range(3)], axis=1)
    thick = 0.20 * np.sin(np.linspace(0.25, 2.75, STEPS))
    offset = rng.normal(0, 0.5, (count, 1, 3)) * thick[None, :, None]
    points, _ = clump((middle[None] + offset).astype(np.float32), 30, 0.4, rng)
    width = np.full((count, STEPS), 0.035, np.float32)
    return Strands(
        _turned(points, pose), width, rng.random(count).astype(np.float32), rng.random(count).astype(np.float32)
    )


def _turned(points: Floats, pose: Pose) -> Floats:
    """Turned with the head, less the lower they hang."""
    flat = points.reshape(-1, 3)
    return pose.apply(flat, pose.weights(flat[:, 1], 4.7, 6.2)).reshape(points.shape)
