"""The subject's faces: written beside the weights, the held-out ones first, broken ones refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_worker.errors import BadWeights
from gpu_worker.evidence.references import FILE, References, largest_face, write_references
from gpu_worker.images import write_png
from tests.gpu_worker.evidence.conftest import Photos


@pytest.fixture
def preprocess(tmp_path: Path, photo: Photos) -> Path:
    """Two instance images, one of them in two crops, and one that was held out; a third shows nobody."""
    folder = tmp_path / "preprocess"
    for name in ("instance", "held_out"):
        (folder / name).mkdir(parents=True)
    write_png(photo("ruby", 1), folder / "instance/001.png")
    write_png(photo("ruby", 1)[100:400, 100:400], folder / "instance/001-close.png")
    write_png(photo("ruby", 2), folder / "instance/002.png")
    write_png(photo("ruby", 3), folder / "held_out/003.png")
    write_png(np.zeros((256, 256, 3), np.uint8), folder / "instance/004.png")
    return folder


def test_each_photo_has_one_face_on_record(preprocess: Path, tmp_path: Path) -> None:
    write_references(preprocess, tmp_path)
    told = json.loads((tmp_path / FILE).read_text())
    assert [(face["photo"], face["held_out"]) for face in told["faces"]] == [
        ("001", False),
        ("002", False),
        ("003", True),
    ]


def test_what_was_held_out_is_compared_with_first(preprocess: Path, tmp_path: Path, photo: Photos) -> None:
    write_references(preprocess, tmp_path)
    references = References.read(tmp_path)
    assert references.told() == {"photos": 1, "held_out": True}
    vector = largest_face(photo("ruby", 3))
    assert vector is not None
    assert references.likeness(vector) == pytest.approx(1, abs=1e-3)
    (preprocess / "held_out/003.png").unlink()
    write_references(preprocess, tmp_path)
    assert References.read(tmp_path).told() == {"photos": 2, "held_out": False}


def test_one_odd_photo_moves_likeness_little(photo: Photos) -> None:
    vectors = [largest_face(photo("ruby", number)) for number in (1, 2, 4)] + [largest_face(photo("solomon", 1))]
    probe = largest_face(photo("ruby", 5))
    assert probe is not None
    alone, together = (
        References.of([{"held_out": False, "vector": vector} for vector in part]) for part in (vectors[:3], vectors)
    )
    assert (together.likeness(probe) or 0) > (alone.likeness(probe) or 0) - 0.2


def test_subjects_without_a_record_have_no_likeness(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        references = References.read(folder)
        assert references.told() is None
        assert references.missing
        assert references.likeness(np.eye(128, dtype=np.float32)[0]) is None


def test_photos_without_faces_leave_an_empty_record(tmp_path: Path) -> None:
    (tmp_path / "preprocess/instance").mkdir(parents=True)
    write_png(np.zeros((256, 256, 3), np.uint8), tmp_path / "preprocess/instance/001.png")
    write_references(tmp_path / "preprocess", tmp_path)
    assert References.read(tmp_path).missing == "No face was found in the subject's photos."


def test_another_networks_faces_are_not_compared(preprocess: Path, tmp_path: Path) -> None:
    write_references(preprocess, tmp_path)
    told = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(told | {"encoder": "0" * 64}))
    assert "another face network" in References.read(tmp_path).missing


UNIT = [1.0] + [0.0] * 127


@pytest.mark.parametrize(
    "told",
    [
        "",
        "[" * 100_000,
        [],
        {"faces": []},
        {"encoder": "x", "faces": [{"held_out": True}]},
        {"encoder": "x", "faces": [{"held_out": True, "vector": UNIT[:-1]}]},
        {"encoder": "x", "faces": [{"held_out": True, "vector": [0.0] * 128}]},
        {"encoder": "x", "faces": [{"held_out": True, "vector": [float("nan")] * 128}]},
        {"encoder": "x", "faces": [{"held_out": True, "vector": ["a"] * 128}]},
        " " * 2_000_000,
    ],
)
def test_a_broken_record_is_bad_weights(tmp_path: Path, told: Any) -> None:
    (tmp_path / FILE).write_text(told if isinstance(told, str) else json.dumps(told))
    with pytest.raises(BadWeights, match=FILE):
        References.read(tmp_path)


def test_a_link_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("{}")
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadWeights, match="plain"):
        References.read(tmp_path)
