"""The backend `portrait`: a segmenter says where to look, matting equations find the edge. For photos of real people.

No weights of ours and no training; of several people in a photo it takes all.
"""

from typing import Literal

import numpy as np

from gpu_worker.matting.enlarge import enlarge_guided
from gpu_worker.matting.segmenter import segment

SURE = 0.1  # confidence this near to 0 or 1 counts as known in the trimap
EDGE = 3  # px of the matting side by which known zones shrink: hair and blur live on the border
REACH = 24  # px of the matting side around the likely outline; further off the segmenter's guess beats the equations
# A subject covers a third of a portrait; far less means that the segmenter saw nobody.
LEAST_COVER = 0.03
Method = Literal["closed_form", "knn"]


class PortraitMatting:
    """A trimap from the segmenter, solved at `side` px, enlarged along the photo's edges: 0.1 to 0.4 s at 320 px.

    Methods: `closed_form` (Levin, Lischinski and Weiss, "A Closed-Form Solution to Natural Image Matting", 2008)
    or `knn` (Chen, Li and Tang, "KNN Matting", 2013).
    """

    name = "portrait"

    def __init__(self, side: int = 320, method: Method = "closed_form") -> None:
        self.side = side
        self.method = method

    def alpha(self, image: np.ndarray) -> np.ndarray:
        """float64 (H, W) in [0, 1] of RGB, uint8 (H, W, 3); 1 everywhere where the segmenter sees nobody."""
        import cv2

        size = (min(self.side, image.shape[1]), min(self.side, image.shape[0]))
        confidence = cv2.resize(segment(image), size, interpolation=cv2.INTER_LINEAR)
        trimap = _trimap(confidence)
        if _sure(confidence).mean() < LEAST_COVER or not np.any(trimap == 0):
            return np.ones(image.shape[:2])
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) / 255.0
        return enlarge_guided(self._solve(small, trimap), image)

    def _solve(self, image: np.ndarray, trimap: np.ndarray) -> np.ndarray:
        from pymatting import estimate_alpha_cf, estimate_alpha_knn

        solve = estimate_alpha_knn if self.method == "knn" else estimate_alpha_cf
        return np.asarray(solve(image, trimap))


def _trimap(confidence: np.ndarray) -> np.ndarray:
    """1 where the subject is known to be, 0 where the background is, 0.5 between, float64 like `confidence`."""
    trimap = np.full(confidence.shape, 0.5)
    trimap[_known(confidence)] = 1
    trimap[_known(1 - confidence)] = 0
    return trimap


def _known(confidence: np.ndarray) -> np.ndarray:
    """Where it is sure, or likely and far off the outline."""
    import cv2

    depth = cv2.distanceTransform((confidence > 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return _sure(confidence) | np.asarray(depth > REACH)


def _sure(confidence: np.ndarray) -> np.ndarray:
    """Where it is sure and off the border of what is, bool."""
    import cv2

    kernel = np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8)
    return np.asarray(cv2.erode((confidence > 1 - SURE).astype(np.uint8), kernel) == 1)
