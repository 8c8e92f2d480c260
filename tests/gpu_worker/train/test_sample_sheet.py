"""The sheet of samples: every picture is on it, and no sentence runs out of it."""

from typing import Any

import numpy as np
import pytest

from gpu_worker.train.sample_sheet import APART, NARROWEST, TILE, sample_sheet

WHY = "Train step 300 was chosen with " + ", ".join(f"score {n} 0.50" for n in range(40)) + "."


def row(step: int, verdict: str | None = "beaten", **scores: float | None) -> dict[str, Any]:
    empty = {"likeness": None, "adherence": None, "diversity": None, "distance": None, "weighted": None}
    return {"step": step, "verdict": verdict} | empty | scores


def flat(*levels: int) -> list[np.ndarray]:
    return [np.full((64, 64, 3), level, np.uint8) for level in levels]


@pytest.mark.parametrize("photos", [0, 2, 9])
@pytest.mark.parametrize("each", [1, 4])
def test_every_sample_is_shown(photos: int, each: int) -> None:
    prompts = ["a photo of a sks person"] * each + ["a photo of a sks person in the snow"] * each
    levels = [20 + 10 * n for n in range(2 * each)]
    rows = [(row(100), flat(*levels)), (row(200, "chosen", likeness=0.5, weighted=0.5), flat(*levels))]
    sheet = np.asarray(sample_sheet(prompts, rows, flat(*[250] * photos), "Short."))
    assert sheet.shape[1] >= NARROWEST
    for level in levels:
        found = (sheet == level).all(axis=2).sum()
        assert 2 * (TILE - 4) ** 2 <= found <= 2 * (TILE + 4) ** 2
    assert (sheet == 250).all(axis=2).sum() >= min(photos, 2 * each) * (TILE - 4) ** 2


def test_long_sentences_are_wrapped() -> None:
    short, long = (sample_sheet(["a photo"], [(row(1), flat(99))], [], why) for why in ("Short.", WHY))
    assert long.height > short.height
    pixels = np.asarray(long)
    assert (pixels[:, -APART // 2 :] == 255).all()
    assert (pixels[-APART // 2 :] == 255).all()
