"""A real face with a drawn alpha as sources, small enough that dozens of photos are made in a second."""

import cv2
import numpy as np
import pytest
from PIL import Image

from gpu_worker.few_photos import Source

SIDE = 96


@pytest.fixture(scope="session")
def sources(grace_hopper: Image.Image) -> list[Source]:
    """Three, each a little darker: face, shoulders that the lower border cuts, a clear background above."""
    image = np.asarray(grace_hopper.crop((0, 20, 512, 532)).resize((SIDE, SIDE)))
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(alpha, (48, 40), (22, 30), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.ellipse(alpha, (48, 96), (60, 32), 0, 0, 360, 255, -1, cv2.LINE_AA)
    darker = [(image * (1 - 0.1 * number)).astype(np.uint8) for number in range(3)]
    return [Source(pixels, alpha, pixels, (0.33, 0.18, 0.34, 0.45)) for pixels in darker]
