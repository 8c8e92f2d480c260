"""A threshold out of known impostors: on vectors whose truth is known, and on pictures in folders."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu_worker.evidence.calibrate import calibrate, main
from tests.gpu_worker.evidence.conftest import SAMPLES


def crowd(people: int, pictures: int, spread: float, seed: int = 0) -> list[np.ndarray]:
    """Vectors of people who lie anywhere, their pictures `spread` around them."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(people, 1, 128)) + spread * rng.normal(size=(people, pictures, 128))
    return list(vectors / np.linalg.norm(vectors, axis=2, keepdims=True))


def test_the_threshold_lets_its_share_of_new_impostors_pass() -> None:
    told = calibrate(crowd(120, 4, 0.5), [""] * 120, 0.01)
    low, high = told["false_accepts_95"]
    assert low <= 0.01 <= high
    assert low <= told["false_accepts"] <= high
    assert (told["auc"], told["genuine_pass"]) == (1, 1)
    assert 0.15 < told["threshold"] < 0.3  # cosines of strangers: normal around 0, 1 / sqrt(128) wide


def test_people_who_are_alike_by_chance_alone_are_not_told_apart() -> None:
    told = calibrate(crowd(60, 4, 30), [""] * 60, 0.05)
    assert abs(told["auc"] - 0.5) < 0.05
    assert told["genuine_pass"] < 0.15


def test_several_photos_tell_more_than_one_where_most_pairs_pass() -> None:
    told = calibrate(crowd(60, 8, 1.6), [""] * 60, 0.01)
    assert told["genuine_pass_to_all"] > told["genuine_pass"] > 0.5


def test_impostors_come_from_ones_own_group() -> None:
    people = crowd(40, 3, 0.5)
    lean = np.eye(128)[0]
    leaning = [vectors + (lean if number % 4 < 2 else -lean) for number, vectors in enumerate(people)]
    leaning = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in leaning]
    groups = ["left" if number % 4 < 2 else "right" for number in range(40)]
    anyone, alike = (calibrate(leaning, told, 0.01) for told in ([""] * 40, groups))
    assert alike["impostor_pairs"][0] < anyone["impostor_pairs"][0]
    assert alike["threshold"] > anyone["threshold"]


@pytest.mark.parametrize(("people", "groups"), [(3, "aaa"), (4, "abcd"), (0, "")])
def test_too_few_people_are_refused(people: int, groups: str) -> None:
    with pytest.raises(ValueError, match="too few people"):
        calibrate(crowd(people, 2, 1), list(groups), 0.01)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four drawn people (one of them by another's photos), a photo of nobody, one that is broken."""
    for name, source, numbers in (
        *(("a", "ruby", (1, 2)), ("b", "greta", (1, 2))),
        *(("c", "solomon", (1, 2)), ("d", "ruby", (3, 4))),
    ):
        (tmp_path / name).mkdir()
        for number in numbers:
            (tmp_path / name / f"{number}.jpg").write_bytes((SAMPLES / source / f"photo-{number}.jpg").read_bytes())
    Image.new("RGB", (256, 256)).save(tmp_path / "a" / "nobody.png")
    (tmp_path / "b" / "broken.jpg").write_bytes(b"no photo")
    return tmp_path


def test_folders_of_pictures_become_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["pictures"], told["without_face"], told["unreadable"]) == (10, 1, 1)
    assert (told["people"], told["genuine_pairs"]) == ([2, 2], 2)
    assert -1 <= told["threshold"] <= 1


def test_a_folder_of_nobody_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert "too few people" in capsys.readouterr().err
    (tmp_path / "a").mkdir()
    assert main([str(tmp_path), "--alike", "class_noun"]) == 1
