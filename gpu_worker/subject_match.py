"""`python -m gpu_worker.subject_match IMAGES ATTRIBUTES.json`: how many drawn attributes the images share."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.score import AttributeScorer

SCORER = WEIGHTS / "scorer"


def read_images(folder: Path) -> NDArray[np.uint8]:
    """All PNG files of a folder in order, uint8 (N, H, W, 3). Raises ValueError when there are none."""
    images = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.png"))]
    return np.stack(images)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Share of hair, skin and beard judged as the customer's.")
    parser.add_argument("images", type=Path)
    parser.add_argument("attributes", type=Path)
    given = parser.parse_args(arguments)
    wanted = json.loads(given.attributes.read_text())
    match = AttributeScorer.load(SCORER).subject_match(read_images(given.images), wanted)
    print(json.dumps({"subject_match": round(match, 3)}))


if __name__ == "__main__":
    main()
