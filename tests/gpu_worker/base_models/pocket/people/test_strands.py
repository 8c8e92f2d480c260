"""Strands lie on the skull they grow from, hang down where they should, and make whole ribbons."""

import numpy as np
import pytest

from gpu_worker.base_models.pocket.people.cuts import hair_strands
from gpu_worker.base_models.pocket.people.geometry import shape
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.posture import pose_of
from gpu_worker.base_models.pocket.people.shot import Shot
from gpu_worker.base_models.pocket.people.skull import Skull, direction, skull_of
from gpu_worker.base_models.pocket.people.strands import STEPS, Strands, ribbon_triangles, ribbons

pytestmark = pytest.mark.usefixtures("drawer")


def grown(style: str, hat: str = "none") -> tuple[list[Strands], Skull]:
    someone = Person.from_seed(12, gender="woman", hair_style=style)
    shot = Shot.from_seed(someone, 0).change(yaw=0.0, pitch=0.0, roll=0.0, hat=hat, mood="neutral")
    facing = shape(someone, shot)
    skull = skull_of(facing)
    return hair_strands(someone, shot, facing, skull, pose_of(shot)), skull


def test_a_skull_is_as_far_as_its_skin() -> None:
    someone = Person.from_seed(12)
    facing = shape(someone, Shot.from_seed(someone, 0))
    skull = skull_of(facing)
    top = facing[np.argmax(facing[:, 1])]
    assert skull.top == pytest.approx(top[1], abs=0.06)
    up = direction(np.array([0.0]), np.array([0.0]))
    assert skull.point(up, 0.5)[0, 1] == pytest.approx(skull.top + 0.5, abs=0.02)


@pytest.mark.parametrize("style", ["short", "curly", "bob", "bun", "ponytail"])
def test_strands_grow_out_of_the_head(style: str) -> None:
    strands, skull = grown(style)
    points = strands[0].points
    assert points.shape[1:] == (STEPS, 3)
    assert np.isfinite(points).all()
    far = np.linalg.norm(points[:, 0] - skull.heart, axis=1)
    assert 0.5 < far.min() < far.max() < 1.7


@pytest.mark.parametrize("style", ["bald", "buzzed"])
def test_nothing_grows_where_shells_or_skin_do(style: str) -> None:
    assert grown(style)[0] == []


def test_long_hair_ends_below_the_shoulders_and_a_bob_above() -> None:
    tips = {style: np.median(grown(style)[0][0].points[:, -1, 1]) for style in ("long", "bob")}
    assert tips["long"] < 5.2 < 5.7 < tips["bob"]


def test_a_hat_presses_hair_down() -> None:
    (free, *_), skull = grown("afro")
    (pressed, *_), _ = grown("afro", "beanie")
    above = skull.top + 0.2
    assert (free.points[..., 1] > above).any()
    assert not (pressed.points[..., 1] > above).any()


def test_ribbons_have_two_edges_as_far_apart_as_they_are_wide() -> None:
    points = np.zeros((2, STEPS, 3), np.float32)
    points[..., 1] = -np.linspace(0, 1, STEPS)
    strands = Strands(points, np.full((2, STEPS), 0.1, np.float32), np.zeros(2, np.float32), np.ones(2, np.float32))
    made = ribbons(strands, np.array([0, 0, 9], np.float32))
    edges = made["position"].reshape(2, STEPS, 2, 3)
    assert np.allclose(np.linalg.norm(edges[:, :, 0] - edges[:, :, 1], axis=-1), 0.2, atol=1e-5)
    assert ribbon_triangles(2, STEPS).max() == len(made["position"]) - 1
