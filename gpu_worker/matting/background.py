"""Cutouts, and other backgrounds behind them: a plain colour, the photo's own one blurred, or any image.

Alphas are given, not found here.

All blending is done on sRGB values as they stand, not on linear light. The matting equation was solved on these
values, so the photo over its own background gives the photo back, and edges keep the width that they have in it;
mixed in linear light, dark hair before a bright wall would thin out.
"""

import numpy as np
from PIL import Image, ImageOps


def cut_out(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The subject alone, RGBA, uint8 (H, W, 4), of RGB, uint8 (H, W, 3), and alpha, float (H, W) in [0, 1].

    Colours are the subject's own also where the background shone through: no halo on another background.
    Method: Germer, Uelwer, Conrad and Harmeling, "Fast Multi-Level Foreground Estimation", 2020.
    """
    from pymatting import estimate_foreground_ml

    colours = estimate_foreground_ml(image / 255.0, alpha)
    return np.dstack([_eight_bit(colours), _eight_bit(alpha)])


def composite(cutout: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The cutout, uint8 (H, W, 4), over the background, uint8 or float (H, W, 3) in [0, 255]: RGB, uint8 (H, W, 3)."""
    alpha = cutout[:, :, 3:] / 255.0
    return _eight_bit((alpha * cutout[:, :, :3] + (1 - alpha) * background) / 255)


def on_colour(cutout: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """The cutout, uint8 (H, W, 4), on one sRGB colour of 0..255: RGB, uint8 (H, W, 3)."""
    return composite(cutout, np.broadcast_to(np.array(colour, np.uint8), (*cutout.shape[:2], 3)))


def on_blurred(cutout: np.ndarray, photo: np.ndarray, strength: float = 0.03) -> np.ndarray:
    """The cutout, uint8 (H, W, 4), on its own photo, RGB, uint8 (H, W, 3), out of focus: RGB, uint8 (H, W, 3).

    `strength` is the Gaussian's standard deviation as a share of the photo's longer side, above 0. What is blurred is
    the background as it would be without the subject (Germer et al., 2020), or the subject would glow.
    """
    import cv2
    from pymatting import estimate_foreground_ml

    _, background = estimate_foreground_ml(photo / 255.0, cutout[:, :, 3] / 255.0, return_background=True)
    return composite(cutout, cv2.GaussianBlur(background * 255, (0, 0), strength * max(photo.shape[:2])))


def on_image(cutout: np.ndarray, image: np.ndarray) -> np.ndarray:
    """The cutout, uint8 (H, W, 4), on an image, RGB, uint8 (h, w, 3), that is scaled and cropped to cover it."""
    size = (cutout.shape[1], cutout.shape[0])
    covering = ImageOps.fit(Image.fromarray(image), size, Image.Resampling.LANCZOS)
    return composite(cutout, np.asarray(covering))


def _eight_bit(values: np.ndarray) -> np.ndarray:
    """float in [0, 1] as uint8, rounded and clipped."""
    return np.asarray(np.round(np.clip(values, 0, 1) * 255), np.uint8)
