"""One Catmull-Clark step on a cube and on an open sheet."""

import numpy as np

from gpu_worker.base_models.pocket.people.subdivision import catmull_clark

CUBE = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]], np.int32)
CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)


def test_a_cube_becomes_rounder_and_stays_centred() -> None:
    matrix, quads = catmull_clark(CUBE, 8)
    points = matrix @ CORNERS
    assert points.shape == (8 + 6 + 12, 3)
    assert quads.shape == (24, 4)
    assert np.allclose(points.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(np.linalg.norm(points[:8], axis=1), 5 / 9 * np.sqrt(3), atol=1e-5)


def test_each_new_point_is_a_weighted_mean_of_old_ones() -> None:
    matrix, _ = catmull_clark(CUBE, 8)
    assert np.allclose(matrix.sum(axis=1), 1, atol=1e-5)


def test_the_middle_of_an_open_edge_stays_on_it() -> None:
    matrix, _ = catmull_clark(np.array([[0, 1, 2, 3]], np.int32), 4)
    points = matrix @ np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    edges = {tuple(np.round(point, 3)) for point in points[5:]}
    assert edges == {(0.5, 0.0), (1.0, 0.5), (0.5, 1.0), (0.0, 0.5)}
