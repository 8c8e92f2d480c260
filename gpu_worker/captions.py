"""What stands around the subject in a photo, in words, so that the identifier comes to mean the person alone.

Of pocket's drawn people only: the attribute scorer reads mood, garment and scene off the photo. No training here.
"""

import numpy as np
from numpy.typing import NDArray

from gpu_worker.base_models.pocket.people.vocabulary import surroundings
from gpu_worker.score import AttributeScorer
from gpu_worker.subject_match import SCORER

NO_SCENE = frozenset({"scene"})


def describe(photos: NDArray[np.uint8]) -> list[tuple[str, str]]:
    """Per photo, uint8 (N, H, W, 3): ", looking sad, wearing a red shirt, in the snow", and that without the scene.

    Raises OSError when the scorer's weights are not there.
    """
    seen = AttributeScorer.load(SCORER).judge(photos)
    return [(_joined(surroundings(one)), _joined(surroundings(one, NO_SCENE))) for one in seen]


def _joined(phrases: list[str]) -> str:
    return "".join(f", {phrase}" for phrase in phrases)
