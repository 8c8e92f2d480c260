"""Where a person is, roughly: MediaPipe's selfie segmenter. No alphas come from here, its edges are too coarse."""

from functools import cache
from typing import Any

import numpy as np

from gpu_worker.assets import asset

SIDE = 256  # px, the network's input


def segment(image: np.ndarray) -> np.ndarray:
    """How sure the segmenter is of a person, float32 (256, 256) in [0, 1], of RGB, uint8 (H, W, 3).

    Raises FileNotFoundError when the network was never fetched.
    """
    import cv2

    interpreter = _segmenter()
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], small[None].astype(np.float32) / 255)
    interpreter.invoke()
    confidence: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0, :, :, 0]
    return confidence


@cache
def _segmenter() -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(asset("selfie_segmentation.tflite")))
    interpreter.allocate_tensors()
    return interpreter
