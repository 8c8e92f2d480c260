"""How much of each pixel is the subject: one interface and its backends, `portrait`, `pocket` and `rembg`.

Where photos lie and what is done with their alphas is not known here.
"""

from typing import Protocol

import numpy as np


class Matting(Protocol):
    """A way to work out alphas; each backend says what it costs and what it cannot do."""

    @property
    def name(self) -> str:
        """What reports call it, with the model where the backend has several."""
        ...

    def alpha(self, image: np.ndarray) -> np.ndarray:
        """The subject's share of each pixel, float (H, W) in [0, 1], of RGB, uint8 (H, W, 3)."""
        ...
