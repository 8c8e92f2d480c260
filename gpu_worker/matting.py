"""The mathematics of mattes: alpha from a trimap, and the subject's colours from the alpha.

No networks, no files. Written out in numpy and scipy, since compiling such loops when a worker starts takes a
minute on each machine.
"""

from typing import Any

import numpy as np

# (Levin et al.) keeps the colour line of a flat window from being fitted to noise; colours in [0, 1].
EPSILON = 1e-7
# Weight of the first guess against the matting Laplacian: only decides where no known pixel reaches.
TRUST = 1e-5
WINDOW = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
# (Germer et al.) smoothness of colours everywhere, and how much more of it across edges of alpha.
SMOOTHNESS = 1e-5
EDGE_SMOOTHNESS = 1.0
COARSE = 32  # px; up to this side a level is iterated more often, for little cost
ITERATIONS = {"coarse": 20, "fine": 4}


def closed_form_alpha(image: np.ndarray, trimap: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Alpha, float64 (H, W) in [0, 1], of RGB, float (H, W, 3) in [0, 1].

    `trimap` is 0 or 1 where alpha is known and 0.5 elsewhere; `guess`, float (H, W), holds where nothing
    known is near. Method: Levin, Lischinski and Weiss, "A Closed-Form Solution to Natural Image Matting",
    2008; the unknown pixels alone are solved for.
    """
    from scipy.sparse import identity
    from scipy.sparse.linalg import spsolve

    known = trimap != 0.5
    alpha = np.where(known, trimap, guess).astype(np.float64)
    unknown = np.flatnonzero(~known)
    if len(unknown):
        laplacian = _laplacian(image.astype(np.float64), ~known)[unknown]
        system = laplacian[:, unknown] + TRUST * identity(len(unknown))
        wanted = TRUST * alpha.flat[unknown] - laplacian @ np.where(known, trimap, 0).ravel()
        alpha.flat[unknown] = spsolve(system.tocsc(), wanted, permc_spec="MMD_AT_PLUS_A")
    return np.clip(alpha, 0, 1)


def subject_colours(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The subject's colours without the background's share, float32 (H, W, 3) in [0, 1].

    Of RGB, float (H, W, 3) in [0, 1], and its alpha, float (H, W). Method: Germer, Uelwer, Conrad and
    Harmeling, "Fast Multi-Level Foreground Estimation", 2020: colours of subject and background that mix to
    the image and change smoothly, found from a coarse image to the full one.
    """
    import cv2

    image, alpha = image.astype(np.float32), alpha.astype(np.float32)
    height, width = alpha.shape
    levels = int(np.ceil(np.log2(max(height, width)))) if max(height, width) > 1 else 1
    subject = background = image.mean(axis=(0, 1), keepdims=True)
    for level in range(1, levels + 1):
        size = (max(1, round(width * 2.0 ** (level - levels))), max(1, round(height * 2.0 ** (level - levels))))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        share = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
        subject, background = (
            cv2.resize(colours, size, interpolation=cv2.INTER_NEAREST) for colours in (subject, background)
        )
        for _ in range(ITERATIONS["coarse" if max(size) <= COARSE else "fine"]):
            subject, background = _mixing(small, share, subject, background)
    return np.asarray(subject)


def _laplacian(image: np.ndarray, unknown: np.ndarray) -> Any:
    """The matting Laplacian, sparse (H * W, H * W), of the 3 x 3 windows that hold an unknown pixel."""
    from scipy.sparse import csr_matrix

    height, width = unknown.shape
    touched = np.any([_shifted(unknown, dy, dx) for dy, dx in WINDOW], axis=0)
    ys, xs = np.nonzero(touched[1:-1, 1:-1])
    index = np.stack([(ys + 1 + dy) * width + xs + 1 + dx for dy, dx in WINDOW], axis=1)
    colours = image.reshape(-1, 3)[index]
    centred = colours - colours.mean(axis=1, keepdims=True)
    covariance = centred.transpose(0, 2, 1) @ centred / 9 + EPSILON / 9 * np.eye(3)
    alike = (1 + centred @ np.linalg.solve(covariance, centred.transpose(0, 2, 1))) / 9
    values = np.eye(9) - alike
    rows, columns = np.repeat(index, 9, axis=1), np.tile(index, (1, 9))
    size = height * width
    return csr_matrix((values.ravel(), (rows.ravel(), columns.ravel())), shape=(size, size))


def _mixing(
    image: np.ndarray, alpha: np.ndarray, subject: np.ndarray, background: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One Jacobi sweep: each pixel's two colours, its neighbours' held still."""
    total = np.zeros_like(alpha)
    near_subject, near_background = np.zeros_like(image), np.zeros_like(image)
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        weight = SMOOTHNESS + EDGE_SMOOTHNESS * np.abs(alpha - _shifted(alpha, dy, dx))
        total += weight
        near_subject += weight[..., None] * _shifted(subject, dy, dx)
        near_background += weight[..., None] * _shifted(background, dy, dx)
    rest = 1 - alpha
    # Two equations per pixel, [[a, b], [b, d]] (subject, background) = (first, second).
    a, b, d = alpha**2 + total, alpha * rest, rest**2 + total
    first = alpha[..., None] * image + near_subject
    second = rest[..., None] * image + near_background
    determinant = (a * d - b * b)[..., None]
    a, b, d = a[..., None], b[..., None], d[..., None]
    mixed = (d * first - b * second) / determinant, (a * second - b * first) / determinant
    return np.clip(mixed[0], 0, 1), np.clip(mixed[1], 0, 1)


def _shifted(plane: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """The neighbour at (dy, dx) of every pixel; at the border the pixel itself."""
    padded = np.pad(plane, [(1, 1), (1, 1)] + [(0, 0)] * (plane.ndim - 2), mode="edge")
    return padded[1 + dy : 1 + dy + plane.shape[0], 1 + dx : 1 + dx + plane.shape[1]]
