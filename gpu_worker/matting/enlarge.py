"""A small alpha made as large as its photo, with the photo's own edges. No alpha is found here."""

import numpy as np

RADIUS = 1  # px of the small alpha around which colours explain it
EPSILON = 1e-4  # squared contrast (of 0..1) below which the photo has no edge to follow


def enlarge_guided(alpha: np.ndarray, image: np.ndarray) -> np.ndarray:
    """`alpha`, float (h, w) in [0, 1], enlarged to RGB `image`, uint8 (H, W, 3): float64 (H, W) in [0, 1].

    Method: He and Sun, "Fast Guided Filter", 2015, with the colour guide of He, Sun and Tang, "Guided Image
    Filtering", 2013, equations 19 to 21. Around each small pixel alpha is a line through the photo's colours; the
    lines are enlarged linearly and read at the photo's own pixels.
    """
    import cv2

    small = cv2.resize(image, alpha.shape[::-1], interpolation=cv2.INTER_AREA) / 255.0
    slope, offset = _lines(small, np.asarray(alpha, np.float64))
    size = image.shape[1::-1]
    slope = cv2.resize(slope, size, interpolation=cv2.INTER_LINEAR)
    offset = cv2.resize(offset, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip((slope * (image / 255.0)).sum(axis=2) + offset, 0, 1))


def _lines(guide: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope (h, w, 3) and offset (h, w) of alpha over the guide's colours, averaged over the windows of a pixel."""
    colour, level = _mean(guide), _mean(alpha)
    products = _mean((guide[..., :, None] * guide[..., None, :]).reshape(*alpha.shape, 9)).reshape(*alpha.shape, 3, 3)
    spread = products - colour[..., :, None] * colour[..., None, :] + EPSILON * np.eye(3)
    together = _mean(guide * alpha[..., None]) - colour * level[..., None]
    slope = np.linalg.solve(spread, together[..., None])[..., 0]
    return _mean(slope), _mean(level - (slope * colour).sum(axis=2))


def _mean(values: np.ndarray) -> np.ndarray:
    """Over a square window of RADIUS."""
    import cv2

    width = 2 * RADIUS + 1
    return np.asarray(cv2.boxFilter(values, -1, (width, width), borderType=cv2.BORDER_REFLECT))
