"""A pocket so small that it trains in seconds, and shards for it in the form that the drawer writes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_worker.base_models.pocket.architecture import Shape
from gpu_worker.base_models.pocket.people import vocabulary

SIDE = 48  # px of the drawings: no multiple of what TINY draws
TINY = Shape(
    resolution=32,
    latent_channels=4,
    vae_channels=(8, 16, 16),
    unet_channels=(16, 32),
    attends=(False, True),
    heads=2,
    text_width=40,
)


def attributes(rng: np.random.Generator) -> dict[str, str]:
    """Somebody in the words of the whole vocabulary."""
    known = vocabulary.WHOLE
    values: dict[str, Any] = {
        "class_noun": vocabulary.GENDERS,
        "skin": tuple(vocabulary.SKINS),
        "hair_style": known.hair_styles,
        "hair_colour": tuple(vocabulary.HAIR_COLOURS),
        "beard": vocabulary.BEARDS,
        "freckles": ("yes", "no"),
        "glasses": vocabulary.GLASSES,
        "hat": known.hats,
        "mood": vocabulary.MOODS,
        "garment": known.garments,
        "garment_colour": tuple(vocabulary.GARMENT_COLOURS),
        "scene": known.scenes,
    }
    return {name: str(rng.choice(words)) for name, words in values.items()}


@pytest.fixture(scope="session")
def drawings_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards of 24 pictures of noise, 48 px; a person's face is in the upper half, to the left."""
    folder = tmp_path_factory.mktemp("drawings")
    rng = np.random.default_rng(0)
    for number in range(2):
        noise = rng.integers(0, 256, (24, SIDE, SIDE, 3), dtype=np.uint8)
        np.savez(folder / f"shard-{number:05}.npz", images=noise, alphas=noise[..., 0])
        points = {"forehead": (12.0, 6.0, True), "chin": (12.0, 24.0, True), "left cheek": (18.0, 18.0, False)}
        points |= {"right cheek": (6.0, 18.0, True)}
        rows = [{"person": number * 24 + n, "attributes": attributes(rng), "landmarks": points} for n in range(24)]
        (folder / f"shard-{number:05}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
