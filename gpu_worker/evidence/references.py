"""The subject's own faces: written beside the weights by training, read when images are judged.

These vectors are biometric data: they lie in the subject's weights folder and nowhere else, and go when it goes.
No image is judged here.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gpu_worker.errors import BadWeights
from gpu_worker.faces import find_faces
from gpu_worker.identity import LENGTH, embed_face
from gpu_worker.images import read_rgb
from gpu_worker.weight_files import face_weights

FILE = "faces.json"
BYTES = 1024 * 1024  # forty photos take a tenth of this


@dataclass(frozen=True)
class References:
    """Faces to compare with, float32 (N, 128), each of length 1; `held_out`: training never saw these photos.

    Without any, `missing` says why.
    """

    vectors: np.ndarray
    held_out: bool = False
    missing: str = ""

    @classmethod
    def of(cls, faces: Sequence[dict[str, Any]]) -> "References":
        """From the rows of faces.json: those that were held out, or all where none was."""
        held_out = [face for face in faces if face["held_out"]]
        vectors = np.array([face["vector"] for face in held_out or faces], np.float32).reshape(-1, LENGTH)
        missing = "" if faces else "No face was found in the subject's photos."
        return cls(vectors, bool(held_out), missing)

    @classmethod
    def none(cls, why: str) -> "References":
        return cls(np.zeros((0, LENGTH), np.float32), missing=why)

    @classmethod
    def read(cls, folder: Path | None) -> "References":
        """From a subject's weights folder; subjects trained before there was a record have none.

        Raises BadWeights when the record is broken.
        """
        if folder is None:
            return cls.none("There is no subject.")
        if not (folder / FILE).is_file():
            return cls.none("The subject's training kept no record of faces.")
        faces, encoder = _read(folder / FILE)
        if encoder != _encoder():
            return cls.none("The subject's faces were recorded with another face network.")
        return cls.of(faces)

    def likeness(self, vector: np.ndarray) -> float | None:
        """Median cosine of a face, (128,), to these; None without any.

        The median and not the cosine to their mean: it is as large as that of two single photos, so that a limit for
        pairs holds for any number of photos, and one odd photo does not move it.
        """
        return float(np.median(self.vectors @ vector)) if len(self.vectors) else None

    def told(self) -> dict[str, Any] | None:
        return {"photos": len(self.vectors), "held_out": self.held_out} if len(self.vectors) else None


def write_references(preprocess: Path, outputs: Path) -> None:
    """Write outputs/faces.json: the face of each photo of `preprocess`, those that were held out marked as such.

    Of every photo the portrait crop is taken; photos in which no face is found are left out, and so are images that
    were made of photos. Raises BadWeights when the face networks are missing.
    """
    faces = []
    for name in ("instance", "held_out"):
        for path in sorted((preprocess / name).glob("*.png")):
            vector = largest_face(read_rgb(path)) if path.stem.isdigit() else None
            if vector is not None:
                told = [round(float(value), 5) for value in vector]
                faces.append({"photo": path.stem, "held_out": name == "held_out", "vector": told})
    (outputs / FILE).write_text(json.dumps({"encoder": _encoder(), "faces": faces}))


def largest_face(image: np.ndarray) -> np.ndarray | None:
    """The vector of the largest face in an RGB image, uint8 (H, W, 3): float32 (128,); None without a face."""
    faces = find_faces(image)
    return embed_face(image, faces[0]) if faces else None


def _encoder() -> str:
    """SHA-256 of the face network: vectors of two networks cannot be compared."""
    with face_weights("face_recognition_sface").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(file: Path) -> tuple[list[dict[str, Any]], str]:
    try:
        if file.is_symlink() or file.stat().st_size > BYTES:
            raise ValueError("no plain file, or too large")
        told = json.loads(file.read_bytes())
        faces = [{"held_out": face["held_out"] is True, "vector": _vector(face["vector"])} for face in told["faces"]]
        return faces, str(told["encoder"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError, ArithmeticError) as error:
        raise BadWeights(f"{file} is broken: {error}") from error


def _vector(told: Any) -> np.ndarray:
    vector = np.array(told, np.float32)
    if vector.shape != (LENGTH,) or not np.isfinite(vector).all() or not 0.9 < float(np.linalg.norm(vector)) < 1.1:
        raise ValueError("a vector that no face has")
    return vector
