"""How far an alpha is from the true one, in the four measures that the field reports.

Source: Rhemann, Rother, Wang, Gelautz, Kohli and Rott, "A Perceptually Motivated Online Benchmark for Image
Matting", 2009, section 4. Only alphas are compared; how a composite looks is not judged here.

The benchmark sums over a trimap's unknown region; here it is the whole picture, since no trimap is given.
`sad`, `gradient` and `connectivity` are sums in thousands, `mse` is a mean; all are 0 for equal alphas, and less
is better. Every function takes two float (H, W) in [0, 1], the estimate first, and raises ValueError on shapes
that differ.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Alpha = NDArray[np.floating]

THOUSAND = 1000.0
SIGMA = 1.4  # px, of the derivatives
RADIUS = 4  # px; further out the kernel stays below a hundredth
STEP = 0.1  # between the thresholds at which connectedness is looked at
THETA = 0.15  # what stands out less is connected


def measure(estimate: Alpha, truth: Alpha) -> dict[str, float]:
    """All four by name: `sad`, `mse`, `gradient`, `connectivity`."""
    return {
        "sad": sad(estimate, truth),
        "mse": mse(estimate, truth),
        "gradient": gradient(estimate, truth),
        "connectivity": connectivity(estimate, truth),
    }


def sad(estimate: Alpha, truth: Alpha) -> float:
    """Sum of absolute differences, in thousands of pixels."""
    return float(np.abs(_difference(estimate, truth)).sum() / THOUSAND)


def mse(estimate: Alpha, truth: Alpha) -> float:
    """Mean squared error, 0..1."""
    return float(np.square(_difference(estimate, truth)).mean())


def gradient(estimate: Alpha, truth: Alpha) -> float:
    """Squared differences of the slopes' lengths (q = 2), summed, in thousands: the sharpness of edges.

    Slopes are first derivatives of a Gaussian of 1.4 px; the kernels have unit energy, as is usual.
    """
    _difference(estimate, truth)
    return float(np.square(_slope(estimate) - _slope(truth)).sum() / THOUSAND)


def connectivity(estimate: Alpha, truth: Alpha) -> float:
    """Differences of how connected pixels are to the subject (p = 1), summed, in thousands: islands and holes.

    A pixel of alpha a that belongs to the largest 4-connected region up to the threshold l lacks d = a - l;
    from d = 0.15 on its connectedness is 1 - d, else 1. As evaluations usually do, the regions are those where both
    alphas reach the threshold, and the paper's weights by distance are 1.
    """
    _difference(estimate, truth)
    reached = _connected_up_to(np.minimum(estimate, truth))
    difference = _connectedness(estimate - reached) - _connectedness(truth - reached)
    return float(np.abs(difference).sum() / THOUSAND)


def _difference(estimate: Alpha, truth: Alpha) -> Alpha:
    if estimate.shape != truth.shape or estimate.ndim != 2:
        raise ValueError(f"alphas of {estimate.shape} and {truth.shape} cannot be compared")
    return np.asarray(estimate, np.float64) - truth


def _slope(alpha: Alpha) -> Alpha:
    at = np.arange(-RADIUS, RADIUS + 1)
    smooth = np.exp(-(at**2) / (2 * SIGMA**2))
    derive = -at * smooth
    smooth, derive = smooth / np.linalg.norm(smooth), derive / np.linalg.norm(derive)
    exact = np.asarray(alpha, np.float64)
    across = cv2.sepFilter2D(exact, -1, derive, smooth, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(exact, -1, smooth, derive, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.hypot(across, down))


def _connected_up_to(alpha: Alpha) -> Alpha:
    """For each pixel the highest threshold, 0..1, at which it still belongs to the largest region."""
    reached = np.zeros(alpha.shape)
    inside = np.ones(alpha.shape, bool)
    for threshold in np.arange(1, round(1 / STEP) + 1) * STEP:
        inside &= _largest_region(alpha >= threshold - 1e-9)
        reached[inside] = threshold
    return reached


def _largest_region(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    if not len(areas):
        return np.zeros(mask.shape, bool)
    return np.asarray(labels == 1 + int(areas.argmax()))


def _connectedness(lacking: Alpha) -> Alpha:
    return np.asarray(1 - np.where(lacking >= THETA, lacking, 0))
