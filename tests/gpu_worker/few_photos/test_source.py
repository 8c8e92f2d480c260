"""What counts as a source."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gpu_worker.few_photos import MAX_SOURCES, Source, draw, plan


@pytest.mark.parametrize("count", [0, MAX_SOURCES + 1])
def test_none_and_too_many_are_refused(sources: list[Source], count: int) -> None:
    with pytest.raises(ValueError, match=f"1 to {MAX_SOURCES} sources, not {count}"):
        plan(50, [sources[0]] * count, seed=1)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"image": np.zeros((8, 8, 3), np.uint8)}, "smaller than"),
        ({"image": np.zeros((96, 90, 3), np.uint8)}, "image is not"),
        ({"image": np.zeros((96, 96, 3), np.float32)}, "image is not"),
        ({"foreground": np.zeros((90, 90, 3), np.uint8)}, "foreground is not"),
        ({"alpha": np.zeros((96, 90), np.uint8)}, "alpha is neither"),
        ({"alpha": np.zeros((96, 96), np.int64)}, "alpha is neither"),
        ({"alpha": np.full((96, 96), np.nan)}, "alpha is neither"),
        ({"face": (1.2, 0.1, 0.3, 0.3)}, "face box lies outside"),
        ({"face": (0.1, 0.1, 0.0, 0.3)}, "face box lies outside"),
        ({"face": (0.1, float("nan"), 0.3, 0.3)}, "face box lies outside"),
    ],
)
def test_broken_ones_are_refused_by_number(sources: list[Source], change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=f"source 1: .*{problem}"):
        plan(5, [sources[0], replace(sources[1], **change)], seed=1)


def test_an_alpha_of_floats_means_the_same(sources: list[Source]) -> None:
    recipe = plan(2, sources[:1], seed=3)[1]
    floats = replace(sources[0], alpha=sources[0].alpha / 255.0)
    assert np.array_equal(draw(recipe, [floats]).pixels, draw(recipe, sources[:1]).pixels)
