"""Who is accepted as whom: vectors that lie near one person, thresholds, galleries, pictures without faces."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu_worker.base_models.pocket import people
from tests.benchmarks.people.alike import Crowd, LikenessRate, face_vector, found, likeness, smaller, vectors

SAMPLES = sorted(path for path in (Path(people.__file__).parent / "samples").iterdir() if path.is_dir())


def crowd(persons: int = 30, photos: int = 5, spread: float = 0.03, seed: int = 0) -> np.ndarray:
    """float32 (persons, photos, 128), each of length 1, near one middle for each person."""
    rng = np.random.default_rng(seed)
    seen = rng.normal(0, 1, (persons, 1, 128)) + spread * 128**0.5 * rng.normal(0, 1, (persons, photos, 128))
    seen /= np.linalg.norm(seen, axis=2, keepdims=True)
    return seen.astype(np.float32)


def photos(customer: int, count: int) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(SAMPLES[customer].glob("photo-*.jpg"))[:count]]


def test_strangers_are_refused_and_people_are_accepted_as_themselves() -> None:
    seen = crowd()
    threshold = Crowd(seen).threshold()
    assert Crowd(seen).rate(seen, threshold) == 1
    assert Crowd(seen).rate(np.roll(seen, 1, axis=0), threshold) < 0.1


def test_one_in_a_hundred_strangers_passes() -> None:
    seen = crowd(spread=0.3)
    strangers = np.concatenate([likeness(a, b) for n, a in enumerate(seen) for b in np.delete(seen, n, axis=0)])
    assert (strangers > Crowd(seen).threshold()).mean() == pytest.approx(0.01, abs=0.002)


def test_a_picture_without_a_face_is_nobody() -> None:
    seen = crowd(2, 3)
    seen[0, 1] = np.nan
    assert found(seen.reshape(-1, 128)) == pytest.approx(5 / 6)
    assert likeness(seen[0], seen[0])[1] == -1
    assert likeness(seen[0], seen[0])[0] > 0.8  # the two others'
    assert Crowd(seen).rate(seen, 0.5) == pytest.approx(5 / 6)


def test_a_gallery_without_faces_is_refused() -> None:
    with pytest.raises(ValueError, match="no face"):
        likeness(crowd(1, 2)[0], np.full((3, 128), np.nan, np.float32))


def test_small_drawn_photos_show_who_they_are() -> None:
    own, other = ([face_vector(each) for each in smaller(photos(customer, 2), 128)] for customer in (0, 1))
    assert float(own[0] @ own[1]) > float(own[0] @ other[0])
    assert face_vector(np.full((128, 128, 3), 90, np.uint8)) is None


def test_the_rate_of_a_customers_own_photos_is_whole() -> None:
    eyes = LikenessRate(side=128, threshold=0.5)
    sent = photos(0, 3)
    blank = np.full((128, 128, 3), 90, np.uint8)
    assert eyes.of(np.stack([*smaller(sent, 128), blank]), sent) == pytest.approx(3 / 4)
    assert eyes.faces == 0.75
    assert vectors([]).shape == (0, 128)
