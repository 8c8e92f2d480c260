"""The way each cut is combed over a skull: from the parting, tied, short, or standing.

Lengths of cuts, clumps and curls: see cuts.py.
"""

import numpy as np

from gpu_worker.base_models.pocket.people.mesh import Floats
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.skull import Skull, direction
from gpu_worker.base_models.pocket.people.strands import STEPS, Roots, lay

RNG = np.random.Generator
HANGING = {"bob": 6.32, "long": 4.95, "wavy": 5.15}  # height of the tips
TIED = ("bun", "ponytail")


def comb(person: Person, volume: float, seeds: Roots, root: Floats, rank: Floats, skull: Skull, rng: RNG) -> Floats:
    """Points (N, K, 3) of a cut before it is clumped and curled."""
    style = person.hair_style
    if style in HANGING:
        return _hanging(person, volume, seeds, root, rank, skull, rng)
    if style in TIED:
        return _tied(person, volume, root, rank, skull)
    if style == "short":
        return _short(person, seeds, root, rank, skull, rng)
    return _standing(person, seeds, root, rank, skull, rng)


def _angles(root: Floats, skull: Skull) -> tuple[Floats, Floats]:
    """(from the top, around from the face) of places (N, 3), radians."""
    out = root - skull.heart
    polar = np.arccos(np.clip(out[:, 1] / np.linalg.norm(out, axis=1), -1, 1))
    return polar, np.arctan2(out[:, 0], out[:, 2])


def _hanging(person: Person, volume: float, seeds: Roots, root: Floats, rank: Floats, skull: Skull, rng: RNG) -> Floats:
    """From the parting to both sides, past the face, then down; some falls over the forehead instead."""
    polar, around = _angles(root, skull)
    side = np.where(root[:, 0] > person.parting * np.clip((root[:, 2] - skull.heart[2]) / 0.6, 0, 1), 1.0, -1.0)
    open_face = np.radians(64 + 22 * person.sweep) + 0.12 * rng.standard_normal(len(root))
    hang = side * np.maximum(np.abs(around) * np.where(side * around > 0, 1, -1), open_face)
    hang = side * np.clip(np.abs(hang) * 0.9 + 0.1 * np.abs(around), open_face, np.pi)
    target = direction(np.maximum(polar + 0.08, np.radians(104)), hang)
    angle = np.arccos(np.clip((target * direction(polar, around)).sum(axis=1), -1, 1))
    height = skull.point(target, 0.0)[:, 1]
    ends = HANGING[person.hair_style] + (skull.top - 8.49) + rng.normal(0, 0.06, len(root)) + 0.10 * (1 - rank)
    length = angle * 0.95 + np.maximum(height - ends, 0.1)
    near = np.abs(root[:, 0] - person.parting) / 0.25  # hair lies flat at the parting
    lift = (volume * (0.35 + rank) + 0.03 * person.sweep) * np.clip(0.45 + 0.55 * near, 0, 1)
    points = lay(skull, root, target, length, lift, np.zeros_like(lift))
    if person.fringe:
        points = _with_fringe(person, seeds, root, points, skull, rng)
    return _over_shoulders(_tuck(points, person, skull), rank)


def _with_fringe(person: Person, seeds: Roots, root: Floats, points: Floats, skull: Skull, rng: RNG) -> Floats:
    """Strands near the front that fall over the forehead to the brows, straight or swept to one side."""
    polar, around = _angles(root, skull)
    near = (np.abs(around) < np.radians(58)) & (seeds.above < 0.62) & (rng.random(len(root)) < 0.9)
    if person.fringe < 0.75:
        near &= root[:, 0] * (1 if person.parting >= 0 else -1) < 0.25
    sweep = -0.45 * np.sign(person.parting or 1) if person.fringe < 0.75 else 0.06 * np.sign(person.sweep - 0.5)
    to = around[near] * 0.92 + sweep
    brow = 7.66 + 0.1 * np.abs(to) - skull.heart[1] + rng.normal(0, 0.025, len(to))
    flat = np.stack([np.sin(to) * 0.8, brow, np.cos(to) * 0.95], axis=1)
    target = (flat / np.linalg.norm(flat, axis=1, keepdims=True)).astype(np.float32)
    angle = np.arccos(np.clip((target * direction(polar, around)[near]).sum(axis=1), -1, 1))
    lift = np.asarray(0.07 + 0.06 * rng.random(len(to)), np.float32)
    points[near] = lay(skull, root[near], target, angle * 0.95, lift, np.zeros_like(lift))
    return points


def _tuck(points: Floats, person: Person, skull: Skull) -> Floats:
    """Tips of a bob turn in; long hair comes nearer to the neck before it reaches the shoulders."""
    low = np.clip((7.2 - points[..., 1]) / 1.0, 0, 1)
    inwards = 0.16 if person.hair_style == "bob" else 0.10
    shape = low**2 if person.hair_style == "bob" else np.sin(np.clip(low, 0, 1) * np.pi * 0.7)
    moved = points.copy()
    moved[..., 0] *= 1 - inwards * shape * (1 - person.sweep * 0.6)
    moved[..., 2] += (0.25 - moved[..., 2]) * inwards * 0.6 * shape * (moved[..., 2] < 0.25)
    return moved


def _over_shoulders(points: Floats, rank: Floats) -> Floats:
    """Hair beside the face comes down on the chest, the rest hangs behind the shoulders."""
    moved = points.copy()
    y, z = points[..., 1], points[..., 2]
    low = np.clip((6.05 - y) / 0.45, 0, 1)
    low = low * low * (3 - 2 * low)
    front = (points[:, STEPS // 2, 2] > 0.33)[:, None]
    chest = 0.66 + 0.62 * np.clip(5.85 - y, 0, 1.2) + 0.10 * rank[:, None]
    behind = -0.58 - 0.10 * rank[:, None]
    target = np.where(front, np.maximum(z, chest), np.minimum(z, behind))
    moved[..., 2] = z + low * (target - z)
    return moved


def _tied(person: Person, volume: float, root: Floats, rank: Floats, skull: Skull) -> Floats:
    """Combed close to the skull towards one knot."""
    knot = direction(np.array([np.radians(28 if person.hair_style == "bun" else 75)]), np.array([np.pi]))
    polar, around = _angles(root, skull)
    angle = np.arccos(np.clip(direction(polar, around) @ knot[0], -1, 1))
    lift = volume * (0.6 + 0.8 * rank)
    target = np.repeat(knot, len(root), axis=0)
    return lay(skull, root, target, np.maximum(angle * 0.95, 0.05), lift, np.zeros_like(lift))


def _short(person: Person, seeds: Roots, root: Floats, rank: Floats, skull: Skull, rng: RNG) -> Floats:
    """Short at the sides, longer above, combed forward, to one side or back."""
    polar, around = _angles(root, skull)
    above = np.clip((seeds.rest[:, 1] - 7.65) / 0.5, 0, 1)
    woman = 1.25 if person.gender == "woman" else 1.0
    length = woman * (0.16 + (0.26 + 0.22 * person.sweep) * above) * rng.uniform(0.8, 1.15, len(root))
    turn = 1.0 if person.parting >= 0 else -1.0
    if person.fringe >= 0.75:  # forward
        goal = direction(np.full(len(root), 1.25), around * 0.7 + 0.25 * turn)
    elif person.fringe >= 0.25:  # to one side
        goal = direction(np.full(len(root), 1.5), np.full(len(root), 1.35 * turn))
    else:  # up and back
        goal = direction(np.full(len(root), 0.9), np.full(len(root), np.pi))
    down = direction(np.minimum(polar + 0.6, 2.6), around * 1.12)
    target = down + above[:, None] * (goal - down)
    target /= np.linalg.norm(target, axis=1, keepdims=True).clip(1e-6)
    up = 0.20 if person.fringe < 0.25 else 0.09
    rise = (up * above + 0.03) * (0.5 + rank) * (0.7 + 0.6 * person.sweep)
    return lay(skull, root, np.asarray(target, np.float32), length, 0.03 + 0.03 * above, rise)


def _standing(person: Person, seeds: Roots, root: Floats, rank: Floats, skull: Skull, rng: RNG) -> Floats:
    """Curls and an afro: away from the skull, rounder than it, a little pulled down."""
    polar, around = _angles(root, skull)
    afro = person.hair_style == "afro"
    fall = 0.25 if afro else 0.75 - 0.6 * np.clip(1.4 - np.abs(around), 0, 1)  # less over the face
    target = direction(np.minimum(polar + fall, 2.5), around * 1.1)
    reach = 0.42 + 0.30 * person.sweep if afro else 0.26 + 0.16 * person.sweep
    edge = np.clip((seeds.above - person.hairline) / 0.5, 0, 1) ** 0.6
    rise = reach * (0.35 + 0.65 * edge) * (0.45 + 0.55 * rng.random(len(root)) ** 0.5)
    front = np.clip((np.cos(around) - 0.3) / 0.35, 0, 1) * np.clip((polar - 0.35) / 0.3, 0, 1)
    length = rise + (0.12 if afro else (0.45 + 0.25 * person.sweep) * (1 - 0.75 * front))
    return lay(skull, root, target, length, 0.04 + 0.0 * rise, rise)
