"""Hair as some thousand thin ribbons: where they are rooted, the way they take over the skull, how they curl.

Which cut has which lengths stands in cuts.py. Lengths in dm; nothing is painted here.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_worker.base_models.pocket.people.hair import roots
from gpu_worker.base_models.pocket.people.mesh import Floats, Ints, mesh
from gpu_worker.base_models.pocket.people.skull import Skull

STEPS = 12  # points of a strand


@dataclass(frozen=True)
class Strands:
    """N strands of K points: `points` (N, K, 3), `width` (N, K) dm, `chance` (N,) and `rank` (N,) in [0, 1].

    `rank` is 1 for strands that lie outside all others.
    """

    points: Floats
    width: Floats
    chance: Floats
    rank: Floats


@dataclass(frozen=True)
class Roots:
    """N places on the scalp: corners (N, 4) of a quad, their weights, the place at rest, height above the hairline."""

    corners: Ints
    weights: Floats
    rest: Floats
    above: Floats

    def on(self, values: Floats) -> Floats:
        """`values` (M, 3) of the mesh's vertices at the roots, (N, 3)."""
        return np.asarray((values[self.corners] * self.weights[..., None]).sum(axis=1), np.float32)

    def only(self, chosen: NDArray[np.bool_] | Ints) -> "Roots":
        return Roots(self.corners[chosen], self.weights[chosen], self.rest[chosen], self.above[chosen])


@cache
def sow(kind: str, count: int) -> Roots:
    """`count` roots spread evenly over the "scalp" or the lower "face"; the same ones for everybody."""
    body = mesh()
    above = roots()[0] if kind == "scalp" else _lower_face()
    rng = np.random.default_rng([41, count])
    quads = body.quads[(above[body.quads] > -0.12).any(axis=1)]
    corner = body.rest[quads]
    area = np.linalg.norm(np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1]), axis=1)
    at = (np.arange(count) + rng.random(count)) / count * area.sum()
    chosen = quads[np.minimum(np.searchsorted(np.cumsum(area), at), len(quads) - 1)]
    u, v = rng.random((2, count))
    weights = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v], axis=1).astype(np.float32)
    rest = (body.rest[chosen] * weights[..., None]).sum(axis=1)
    return Roots(chosen, weights, rest.astype(np.float32), (above[chosen] * weights).sum(axis=1).astype(np.float32))


def _lower_face() -> Floats:
    """1 (M,) below the eyes and before the neck, else -1."""
    body = mesh()
    y, z = body.rest[:, 1], body.rest[:, 2]
    inside = (
        (body.part < 0.5) & (body.masks[:, 1] < 0.3) & (body.masks[:, 2] < 0.2) & (y > 5.85) & (y < 7.25) & (z > 0.35)
    )
    return np.where(inside, 1.0, -1.0).astype(np.float32)


def lay(skull: Skull, root: Floats, target: Floats, length: Floats, lift: Floats, rise: Floats) -> Floats:
    """Points (N, K, 3) from `root` (N, 3) over the skull towards `target` (N, 3), then straight down.

    Target are unit directions from the skull's heart. `lift` is reached soon above the skin, `rise` dm more at the tip.
    """
    out = root - skull.heart
    far = np.linalg.norm(out, axis=1)
    start = out / far[:, None]
    angle = np.arccos(np.clip((start * target).sum(axis=1), -1, 1)).clip(1e-3)
    along = np.linspace(0, 1, STEPS)[None] ** 1.5 * length[:, None]
    arc = (angle * 0.95)[:, None]
    share = np.clip(along / arc, 0, 1)
    way = _slerp(start, target, angle, share)
    radius = skull.radius(way) + lift[:, None] * (1 - np.exp(-along / 0.15)) + rise[:, None] * (along / length[:, None])
    radius = radius + (far - skull.radius(start))[:, None] * np.exp(-along / 0.12)
    points = skull.heart + way * radius[..., None]
    points[..., 1] -= np.maximum(along - arc, 0)
    return np.asarray(points, np.float32)


def _slerp(start: Floats, end: Floats, angle: Floats, share: NDArray[np.floating[Any]]) -> Floats:
    """Unit vectors (N, K, 3) on the great circle between two (N, 3)."""
    sin = np.sin(angle)[:, None]
    first, second = np.sin((1 - share) * angle[:, None]) / sin, np.sin(share * angle[:, None]) / sin
    way = first[..., None] * start[:, None] + second[..., None] * end[:, None]
    return np.asarray(way / np.linalg.norm(way, axis=-1, keepdims=True), np.float32)


def clump(points: Floats, locks: int, pull: float, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
    """Draw tips towards the tip of their lock; also says which of `locks` each strand belongs to, (N,)."""
    from scipy.spatial import cKDTree

    locks = min(locks, len(points))
    heads = rng.choice(len(points), locks, replace=False)
    middle = points[:, STEPS // 2]
    lock = cKDTree(middle[heads]).query(middle)[1]
    share = pull * np.linspace(0, 1, STEPS)[None, :, None] ** 1.3
    return np.asarray(points + share * (points[heads][lock] - points), np.float32), lock


def curl(points: Floats, lock: NDArray[np.int64], size: float, turns: float, rng: np.random.Generator) -> Floats:
    """Wind strands around their own way: `size` dm wide after one turn, `turns` for each dm, in phase by lock."""
    along = np.cumsum(np.linalg.norm(np.diff(points, axis=1, prepend=points[:, :1]), axis=-1), axis=1)
    phase = rng.uniform(0, 2 * np.pi, lock.max() + 1)[lock] + rng.normal(0, 0.5, len(points))
    angle = 2 * np.pi * turns * along + phase[:, None]
    tangent = np.gradient(points, axis=1)
    tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True).clip(1e-6)
    side = np.cross(tangent, [0.3, 0.2, 1.0])
    side /= np.linalg.norm(side, axis=-1, keepdims=True).clip(1e-6)
    other = np.cross(tangent, side)
    grow = size * np.clip(along * turns * 1.1, 0, 1) * rng.uniform(0.6, 1.3, (len(points), 1))
    wound = np.cos(angle)[..., None] * side + np.sin(angle)[..., None] * other
    return np.asarray(points + grow[..., None] * wound, np.float32)


def ribbons(strands: Strands, eye: Floats) -> dict[str, Floats]:
    """Vertices of ribbons that face `eye`, two for each point: position and tangent (V, 3), look (V, 4).

    `look` is the place across (-1 or 1), the place along (0..1), the strand's chance and its rank.
    """
    order = np.argsort(-strands.points[..., 2].mean(axis=1))  # near ones first: what they hide costs little then
    points, chance, rank = strands.points[order], strands.chance[order], strands.rank[order]
    tangent = np.gradient(points, axis=1)
    tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True).clip(1e-6)
    side = np.cross(tangent, eye - points)
    side *= (strands.width[order] / np.linalg.norm(side, axis=-1).clip(1e-6))[..., None]
    count, steps = points.shape[:2]
    both = np.stack([points - side, points + side], axis=2)
    look = np.empty((count, steps, 2, 4), np.float32)
    look[..., 0] = (-1, 1)
    look[..., 1] = np.linspace(0, 1, steps)[None, :, None]
    look[..., 2] = chance[:, None, None]
    look[..., 3] = rank[:, None, None]
    twice = np.repeat(tangent[:, :, None], 2, axis=2)
    arrays = {"position": both.reshape(-1, 3), "tangent": twice.reshape(-1, 3), "look": look.reshape(-1, 4)}
    return {name: np.asarray(values, np.float32) for name, values in arrays.items()}


@cache
def ribbon_triangles(count: int, steps: int) -> Ints:
    """Triangles (T, 3) of `count` ribbons of `steps` points."""
    start = (np.arange(count) * steps * 2)[:, None] + np.arange(steps - 1)[None] * 2
    quads = np.stack([start, start + 1, start + 2, start + 1, start + 3, start + 2], axis=-1)
    return quads.reshape(-1, 3).astype(np.int32)
