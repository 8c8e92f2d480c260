"""What the benchmark of the trainer trains, as its processes tell each other. Nothing is loaded here, torch neither."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

Precision = Literal["fp32", "bf16"]

INSTANCE_PROMPT, CLASS_PROMPT = "a photo of a sks person", "a photo of a person"
RANK = 16
LEARNING_RATE = 1e-4
PHOTOS, CLASS_IMAGES = 4, 8


@dataclass(frozen=True)
class Load:
    """One base model and its data: `folder` has instance/ and class/, PNG squares of `side` px, and prepared tensors.

    The squares have the training's own size already: nobody is slowed down by a customer's large photos.
    """

    name: str
    base_model: str
    folder: str
    side: int
    precision: Precision = "fp32"

    def told(self) -> str:
        return json.dumps(asdict(self))


def load_of(told: str) -> Load:
    return Load(**json.loads(told))
