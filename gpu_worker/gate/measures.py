"""Numbers about the face in a photo: how sharp, how lit, how colourful, whether the eyes are seen.

Only measures: what is good enough is decided by the judge of the photo.
"""

import numpy as np

from gpu_worker.faces import Face

FACE_HEIGHT = 192  # px; a face this high is what a 512 px instance image holds, so sharpness is judged at this size
EYE_PATCH = 0.42  # side of the square around an eye, in eye distances
CHEEK_PATCH = 0.3
SKIN_PATCH = 0.5
CHEEK_LEVEL = 0.55  # how far down from the eyes to the mouth a cheek lies
TINT_DEGREE = 3  # of the curve that a toned print lays through all lightnesses
DETAIL_HEIGHT = 384  # px
GRAIN = 1.0  # px; what is finer than this is texture


def face_pixels(image: np.ndarray, face: Face) -> np.ndarray:
    """The face's box out of an RGB image, uint8 (h, w, 3), h at most FACE_HEIGHT."""
    import cv2

    left, top = max(0, round(face.x)), max(0, round(face.y))
    cut = image[top : max(top + 2, round(face.y + face.height)), left : max(left + 2, round(face.x + face.width))]
    if cut.shape[0] <= FACE_HEIGHT:
        return cut
    width = max(2, round(cut.shape[1] * FACE_HEIGHT / cut.shape[0]))
    return np.asarray(cv2.resize(cut, (width, FACE_HEIGHT), interpolation=cv2.INTER_AREA))


def blur(pixels: np.ndarray) -> float:
    """How much a face, RGB uint8 (H, W, 3), is blurred, 0 (sharp) to 1.

    Method: Crete et al., "The Blur Effect: Perception and Estimation with a New No-Reference Perceptual Blur
    Metric", 2007: how little a second blur changes. Grain is sharp, a plain area is not.
    """
    from skimage.measure import blur_effect

    return float(blur_effect(_grey(pixels), h_size=9))  # type: ignore[no-untyped-call]  # no stubs upstream


def light(pixels: np.ndarray) -> tuple[float, float, float]:
    """Of a face, RGB uint8: its highlights (98th percentile of luma, 0..255), the share of it that is white (0..1),
    and the span from its shadows to its highlights (0..255).

    Highlights tell a dark photo from a dark skin: eyes and shine are bright on every skin.
    """
    grey = _grey(pixels)
    low, high = np.percentile(grey, (2, 98))
    return float(high), float(np.mean(pixels.min(axis=2) >= 250)), float(high - low)


def colourfulness(pixels: np.ndarray) -> float:
    """How far the colours of RGB uint8 pixels leave one tint per lightness, in Lab units; near 0 for grey and sepia."""
    import cv2

    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(float)
    tint = np.vander(lab[:, 0] / 255, TINT_DEGREE + 1)
    beside = lab[:, 1:] - tint @ np.linalg.lstsq(tint, lab[:, 1:], rcond=None)[0]
    return float(np.sqrt(np.square(beside).mean(axis=0).sum()))


def eyes_seen(image: np.ndarray, face: Face) -> tuple[float, float]:
    """Brightness and contrast around the eyes, of the eye that shows more, over the cheeks' median luma.

    Brightness is the upper quartile there: lids and whites leave 0.64 or more, also behind plain glasses and on every
    skin; most sunglasses leave less than 0.6. Contrast is the span of the middle 90 %: 0.6 or more of open eyes, 0.4 or
    less of dark glasses, mirrored ones and hands (drawn people, 72 without and 14 with sunglasses).
    """
    cheeks = [_patch(image, x, y, CHEEK_PATCH * face.eyes_apart) for x, y in _cheeks(face)]
    skin = max(4.0, float(np.median([np.median(patch) for patch in cheeks])))
    around = [_patch(image, x, y, EYE_PATCH * face.eyes_apart) for x, y in face.landmarks[:2]]
    low, upper, high = np.array([np.percentile(patch, (5, 75, 95)) for patch in around]).T
    return float(upper.max()) / skin, float((high - low).max()) / skin


def fine_detail(image: np.ndarray, face: Face) -> float:
    """Grain and pores on the rougher cheek: median size of what a small blur removes, in luma levels.

    Judged at DETAIL_HEIGHT px of face at most: beyond, what is fine is the sensor's and not the skin's.
    """
    import cv2

    scale, details = min(1.0, DETAIL_HEIGHT / face.height), []
    for x, y in _cheeks(face):
        patch = _patch(image, x, y, SKIN_PATCH * face.eyes_apart).astype(np.float32)
        patch = np.asarray(cv2.resize(patch, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
        details.append(float(np.median(np.abs(patch - cv2.GaussianBlur(patch, (0, 0), GRAIN)))))
    return max(details)


def _cheeks(face: Face) -> list[tuple[float, float]]:
    eyes, mouth = face.landmarks[:2], face.landmarks[3:]
    return [
        (a[0] + CHEEK_LEVEL * (b[0] - a[0]), a[1] + CHEEK_LEVEL * (b[1] - a[1]))
        for a, b in zip(eyes, mouth, strict=True)
    ]


def _patch(image: np.ndarray, x: float, y: float, side: float) -> np.ndarray:
    """Luma of the square around a point, pushed inside the image; at least 2 x 2 px."""
    half = max(1, round(side / 2))
    height, width = image.shape[:2]
    left = min(max(0, round(x) - half), max(0, width - 2 * half))
    top = min(max(0, round(y) - half), max(0, height - 2 * half))
    return _grey(image[top : top + 2 * half, left : left + 2 * half])


def _grey(pixels: np.ndarray) -> np.ndarray:
    import cv2

    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY))
