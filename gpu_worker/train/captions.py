"""Instance prompts: what each photo shows in words, so that the identifier comes to mean the person alone.

A template's words for every base model; of pocket's drawn people the attribute scorer also reads mood, garment and
scene off the photo. No training here.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpu_worker.base_models.pocket.people.vocabulary import surroundings
from gpu_worker.score import AttributeScorer
from gpu_worker.subject_match import SCORER
from gpu_worker.train.config import TrainConfig
from gpu_worker.train.variants import instance_photos

NO_SCENE = frozenset({"scene"})

Pair = tuple[str, str]  # with the photo's own background, and with a plain one


def instance_prompts(preprocess: Path, matte: Path, side: int, config: TrainConfig) -> list[Pair]:
    """The prompts of each instance image in order, or one pair that holds for all.

    Photos are described by the scorer of the base model, where it has one. Raises OSError when no scorer's weights are
    there.
    """
    prompt = config.prompt(config.instance_prompt)
    if not config.caption_photos:
        return [(prompt, prompt + config.prompt(config.plain_words))]
    own = Path(config.base_model) / SCORER.name
    seen = describe(instance_photos(preprocess, matte, side), own if own.is_dir() else SCORER)
    return [(prompt + whole, prompt + plain) for whole, plain in seen]


def describe(photos: NDArray[np.uint8], scorer: Path = SCORER) -> list[Pair]:
    """Per photo, uint8 (N, H, W, 3): ", looking sad, wearing a red shirt, in the snow", and that without the scene.

    Raises OSError when the scorer's weights are not there.
    """
    seen = AttributeScorer.load(scorer).judge(photos)
    return [(_joined(surroundings(one)), _joined(surroundings(one, NO_SCENE))) for one in seen]


def _joined(phrases: list[str]) -> str:
    return "".join(f", {phrase}" for phrase in phrases)
