"""The table of faces counts right: areas, thresholds, groups that lag."""

import numpy as np
import pytest

from tests.benchmarks.people.faces import Seen, auc, behind, pairs, table, threshold


def crowd(people: int = 40, views: int = 4, spread: float = 0.1, seed: int = 0) -> Seen:
    """Vectors near one middle each; every second person of a group "b"."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), views)
    vectors = rng.normal(0, 1, (people, 128))[person] + rng.normal(0, spread, (people * views, 128))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Seen(person, {"kind": np.where(person % 2, "b", "a")}, np.full(len(person), 0.95), vectors)


def test_the_area_is_a_half_for_equals_and_one_for_strangers() -> None:
    assert auc(np.array([1.0, 2.0]), np.array([1.0, 2.0])) == pytest.approx(0.5)
    assert auc(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 1.0


def test_pairs_are_counted_once_and_faces_not_found_are_left_out() -> None:
    seen = crowd(3, 2)
    everybody = np.ones(6, bool)
    same, different = pairs(seen, everybody, everybody)
    assert (len(same), len(different)) == (3, 12)
    seen.score[0] = 0.0
    same, different = pairs(seen, everybody, everybody)
    assert (len(same), len(different)) == (2, 8)


def test_the_threshold_lets_one_in_a_hundred_strangers_pass() -> None:
    seen = crowd()
    everybody = np.ones(len(seen.person), bool)
    _, different = pairs(seen, everybody, everybody)
    assert (different > threshold(seen, everybody)).mean() == pytest.approx(0.01, abs=0.002)


def test_a_group_whose_faces_are_not_found_is_named() -> None:
    seen = crowd()
    assert behind(table(seen)[1]) == []
    seen.score[seen.groups["kind"] == "b"] = 0.75
    assert any("kind: b: found 0.9" in text for text in behind(table(seen)[1]))
