"""How many images a train step takes through the networks at once: fewer where memory was short before.

The batch stays as it is; only the pieces shrink, and their gradients are added up. No tensor is touched here.
"""

import json
import math
from pathlib import Path

FILE = "micro_batch.json"  # beside the checkpoints, so that a later attempt, anywhere, begins with smaller pieces


def images_per_piece(images: int, accumulation_steps: int, checkpoints: Path | None) -> int:
    """Of a train step's `images`, which come in so many pieces; no more than an earlier attempt noted."""
    asked = math.ceil(images / accumulation_steps)
    return min(asked, _noted(checkpoints) or asked)


def note_smaller(images: int, checkpoints: Path) -> int:
    """Halve the pieces of the next attempt, and take single images after that: attempts are few. Return their size."""
    half = 1 if _noted(checkpoints) else max(1, images // 2)
    partial = checkpoints / f"{FILE}.partial"
    checkpoints.mkdir(parents=True, exist_ok=True)
    partial.write_text(json.dumps({"images": half}))
    partial.replace(checkpoints / FILE)
    return half


def _noted(checkpoints: Path | None) -> int | None:
    """What is no number of images is not believed."""
    file = checkpoints / FILE if checkpoints else None
    if file is None or not file.is_file():
        return None
    try:
        images = json.loads(file.read_bytes())["images"]
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None
    return images if type(images) is int and images >= 1 else None
