"""The backend `pocket`: a small network of ours that needs neither a segmenter nor equations. For drawn people.

It learnt on drawings alone (see base_models/pocket/train_matte.py); on photos of real people `portrait` knows more.
"""

from pathlib import Path

import numpy as np

from gpu_worker.matting.enlarge import enlarge_guided

WEIGHTS = Path(__file__).parent / "weights" / "pocket.safetensors"


class PocketMatting:
    """The network at 128 px, enlarged along the photo's edges. Licence of the weights: Apache-2.0.

    Raises BadWeights when `weights` or the json beside it is missing, changed, or of another shape.
    """

    name = "pocket"

    def __init__(self, weights: Path = WEIGHTS) -> None:
        from gpu_worker.matting.pocket_network import load_network

        self._network = load_network(weights)

    def alpha(self, image: np.ndarray) -> np.ndarray:
        """float64 (H, W) in [0, 1] of RGB, uint8 (H, W, 3)."""
        import cv2
        import torch

        from gpu_worker.matting.pocket_network import SIDE

        small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        pixels = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.inference_mode():
            alpha = self._network(pixels).sigmoid()[0, 0].numpy()
        return enlarge_guided(alpha, image)
