"""The second encoder tells drawn people apart, and nothing that selects images knows it."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gpu_worker
from gpu_worker.base_models.pocket import people
from tests.benchmarks.second_encoder import distance, embedded

SAMPLES = Path(people.__file__).parent / "samples"


def photo(name: str, number: int) -> np.ndarray:
    with Image.open(SAMPLES / name / f"photo-{number}.jpg") as image:
        return np.array(image.convert("RGB"))


def test_one_drawn_person_lies_nearer_than_two() -> None:
    vectors = {name: [embedded(photo(name, n)) for n in (1, 2, 3)] for name in ("ruby", "greta", "solomon")}
    same = [np.linalg.norm(a - b) for own in vectors.values() for a, b in combinations(own, 2)]
    other = [np.linalg.norm(a - b) for x, y in combinations(vectors.values(), 2) for a in x for b in y]
    assert np.mean(same) < np.mean(other)
    assert np.max(same) < np.max(other)


def test_an_image_is_no_distance_from_itself_and_as_far_there_as_back() -> None:
    one, other = photo("ruby", 1), photo("solomon", 1)
    assert distance(one, one) == 0
    assert distance(one, other) == distance(other, one) > 0.2


def test_an_image_of_nobody_has_no_distance() -> None:
    with pytest.raises(LookupError):
        distance(photo("ruby", 1), np.zeros((64, 64, 3), np.uint8))


def test_nothing_that_selects_knows_it() -> None:
    folder = Path(gpu_worker.__file__).parent
    sources = [path.read_text() for path in folder.rglob("*.py")]
    assert sources
    assert not any("dlib" in source or "second_encoder" in source for source in sources)
