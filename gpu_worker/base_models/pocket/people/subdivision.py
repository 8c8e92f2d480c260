"""One Catmull-Clark step of a quad mesh, as a sparse matrix that is applied to each new set of positions.

Topology only: no positions are kept here.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Ints = NDArray[np.int32]


def catmull_clark(quads: Ints, count: int) -> tuple[sparse.csr_matrix, Ints]:
    """Return (matrix of shape (M, count), quads of the finer mesh (4 Q, 4)).

    New vertices: first the old ones, then one for each face, then one for each edge. Open borders stay where
    they are (cubic B-spline rule).
    """
    faces = len(quads)
    edges, edge_of_corner = _edges(quads)
    at_face = _rows(np.repeat(np.arange(faces), 4), quads.ravel(), np.full(4 * faces, 0.25), (faces, count))
    at_edge, border = _edge_points(quads, edges, edge_of_corner, at_face, count)
    at_vertex = _vertex_points(quads, edges, border, at_face, count)
    matrix = sparse.vstack([at_vertex, at_face, at_edge]).tocsr().astype(np.float32)
    return matrix, _finer_quads(quads, edge_of_corner, count)


def _rows(
    row: NDArray[np.int64], column: Ints, value: NDArray[np.float64], shape: tuple[int, int]
) -> sparse.csr_matrix:
    return sparse.csr_matrix((value, (row, column)), shape=shape)


def _edges(quads: Ints) -> tuple[Ints, Ints]:
    """Unique undirected edges (E, 2), and for each quad's corner the edge to the next corner (Q, 4)."""
    pairs = np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2)
    unique, inverse = np.unique(np.sort(pairs, axis=1), axis=0, return_inverse=True)
    return unique.astype(np.int32), inverse.reshape(-1, 4).astype(np.int32)


def _edge_points(
    quads: Ints, edges: Ints, edge_of_corner: Ints, at_face: sparse.csr_matrix, count: int
) -> tuple[sparse.csr_matrix, NDArray[np.bool_]]:
    number = len(edges)
    used = np.bincount(edge_of_corner.ravel(), minlength=number)
    border = used != 2
    middle = _rows(np.repeat(np.arange(number), 2), edges.ravel(), np.full(2 * number, 0.5), (number, count))
    face_of_corner = np.repeat(np.arange(len(quads)), 4)
    touching = sparse.csr_matrix(
        (1.0 / used[edge_of_corner.ravel()], (edge_of_corner.ravel(), face_of_corner)), shape=(number, len(quads))
    )
    inner = (middle + touching @ at_face) * 0.5
    keep = sparse.diags(border.astype(float))
    return (keep @ middle + (sparse.identity(number) - keep) @ inner).tocsr(), border


def _vertex_points(
    quads: Ints, edges: Ints, border: NDArray[np.bool_], at_face: sparse.csr_matrix, count: int
) -> sparse.csr_matrix:
    """Inner rule (F + 2 R + (n - 3) P) / n; on a border 3/4 P + 1/8 of each border neighbour."""
    valence = np.maximum(np.bincount(quads.ravel(), minlength=count), 1)
    corners = np.repeat(np.arange(len(quads)), 4)
    faces = sparse.csr_matrix((1.0 / valence[quads.ravel()], (quads.ravel(), corners)), shape=(count, len(quads)))
    both = np.concatenate([edges, edges[:, ::-1]])
    degree = np.maximum(np.bincount(both[:, 0], minlength=count), 1)
    near = sparse.csr_matrix((1.0 / degree[both[:, 0]], (both[:, 0], both[:, 1])), shape=(count, count))
    middle = (near + sparse.identity(count)) * 0.5
    scale = sparse.diags(1.0 / valence)
    inner = scale @ (faces @ at_face + 2 * middle + sparse.diags(valence - 3.0))
    rim = np.concatenate([edges[border], edges[border][:, ::-1]])
    rim_degree = np.maximum(np.bincount(rim[:, 0], minlength=count), 1)
    along = sparse.csr_matrix((0.25 / rim_degree[rim[:, 0]], (rim[:, 0], rim[:, 1])), shape=(count, count))
    on_rim = np.bincount(rim[:, 0], minlength=count) > 0
    keep = sparse.diags(on_rim.astype(float))
    return (keep @ (along + 0.75 * sparse.identity(count)) + (sparse.identity(count) - keep) @ inner).tocsr()


def _finer_quads(quads: Ints, edge_of_corner: Ints, count: int) -> Ints:
    faces = np.arange(len(quads)) + count
    edge = edge_of_corner + count + len(quads)
    corners = [np.stack([quads[:, k], edge[:, k], faces, edge[:, (k + 3) % 4]], axis=1) for k in range(4)]
    return np.concatenate(corners).astype(np.int32)
