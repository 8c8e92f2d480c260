"""Where errors count: in full on the subject, little on what stood behind it, so that the room is not learnt.

The masked diffusion loss of Avrahami et al., "Break-A-Scene", arXiv 2305.16311, with a soft mask, and with a rest of
weight for the background so that it does not turn to noise. No loss is worked out here.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import interpolate


def dilated(alpha: Image.Image, share: float) -> Image.Image:
    """The alpha, mode "L", grown by `share` of its side: hair and earrings are lost at the latents' resolution."""
    reach = round(share * alpha.width)
    if not reach:
        return alpha
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return Image.fromarray(np.asarray(cv2.dilate(np.asarray(alpha), disc), np.uint8))


def loss_weights(alphas: Sequence[NDArray[np.uint8] | None], grid: tuple[int, int], background: float) -> torch.Tensor:
    """Weights of the loss on latents of size `grid` (h, w), float32 (N, 1, h, w), with mean 1 per image.

    Of alphas uint8 (H, W); `background`, 0..1, is what an error there counts beside one on the subject. None, or an
    image whose weights would all be 0, counts everywhere alike.
    """
    return torch.cat([_weights(alpha, grid, background) for alpha in alphas])


def _weights(alpha: NDArray[np.uint8] | None, grid: tuple[int, int], background: float) -> torch.Tensor:
    if alpha is None:
        return torch.ones(1, 1, *grid)
    shares = interpolate(torch.tensor(alpha)[None, None] / 255, size=grid, mode="area")
    weights = background + (1 - background) * shares
    return weights / weights.mean() if weights.any() else torch.ones_like(weights)
