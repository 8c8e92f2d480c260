"""Where a drawing's face is, from the landmarks that its shard holds, and the masks that losses weigh faces by.

A box is float32 (left, top, right, bottom) in shares of the picture, 0..1; all zeros where no face is known. Nothing is
detected here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

# What spans a face: neither the ears, which hair hides, nor the jaw's ends, which lie behind the cheeks.
SPANNED_BY = (
    "forehead",
    "chin",
    "left cheek",
    "right cheek",
    "left outer brow",
    "right outer brow",
    "left outer eye corner",
    "right outer eye corner",
    "nose tip",
)
MARGIN = 0.08  # of the box's larger side: landmarks lie on the face, not around it
RIM = 0.25  # of the ellipse's radius, over which a mask falls from 1 to 0


def face_boxes(rows: Sequence[Mapping[str, Any]], size: int) -> np.ndarray:
    """The box of each line of a shard whose pictures are `size` px, float32 (N, 4)."""
    boxes = [_box(row.get("landmarks", {}), size) for row in rows]
    return np.array(boxes, np.float32).reshape(-1, 4)


def mirrored(boxes: torch.Tensor) -> torch.Tensor:
    """The boxes (N, 4) of the same pictures seen in a mirror."""
    left, top, right, bottom = boxes.unbind(1)
    return torch.where(known(boxes)[:, None], torch.stack([1 - right, top, 1 - left, bottom], dim=1), boxes)


def known(boxes: torch.Tensor) -> torch.Tensor:
    """Which of the boxes (N, 4) hold a face, bool (N,)."""
    return boxes[:, 2] > boxes[:, 0]


def face_masks(boxes: torch.Tensor, side: int) -> torch.Tensor:
    """The ellipse in each box with a soft rim, float32 (N, 1, side, side): 1 in the face, 0 far from it."""
    places = (torch.arange(side) + 0.5) / side
    left, top, right, bottom = boxes[:, :, None].unbind(1)
    across = (places - (left + right) / 2) / ((right - left) / 2).clamp(min=1e-6)
    down = (places - (top + bottom) / 2) / ((bottom - top) / 2).clamp(min=1e-6)
    radius = (across[:, None, :].square() + down[:, :, None].square()).sqrt()
    masks = ((1 + RIM / 2 - radius) / RIM).clamp(0, 1) * known(boxes)[:, None, None]
    return masks[:, None]


def _box(landmarks: Mapping[str, Sequence[float]], size: int) -> tuple[float, float, float, float]:
    points = [landmarks[name][:2] for name in SPANNED_BY if name in landmarks]
    if not points:
        return 0.0, 0.0, 0.0, 0.0
    (left, top), (right, bottom) = np.min(points, axis=0) / size, np.max(points, axis=0) / size
    more = MARGIN * max(right - left, bottom - top)
    low, high = np.clip([left - more, top - more], 0, 1), np.clip([right + more, bottom + more], 0, 1)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
