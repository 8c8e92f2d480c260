"""Recipes: how many, how different, how evenly spread."""

import json
from collections import Counter
from collections.abc import Iterable

import pytest

from gpu_worker.few_photos import Source, plan
from gpu_worker.few_photos.backgrounds import KINDS
from gpu_worker.few_photos.framing import FRAMINGS
from gpu_worker.few_photos.planning import Recipe


def made(recipes: list[Recipe]) -> list[Recipe]:
    return [recipe for recipe in recipes if recipe["kind"] == "made"]


def unevenness(values: Iterable[object]) -> int:
    counts = Counter(values).values()
    return max(counts) - min(counts)


def test_the_originals_come_first_and_count(sources: list[Source]) -> None:
    recipes = plan(20, sources, seed=5)
    assert [recipe["kind"] for recipe in recipes] == ["original"] * 3 + ["made"] * 17
    assert [recipe["source"] for recipe in recipes[:3]] == [0, 1, 2]
    assert plan(3, sources, seed=5) == recipes[:3]


def test_a_set_too_small_for_its_originals_is_refused(sources: list[Source]) -> None:
    with pytest.raises(ValueError, match="no room for 3"):
        plan(2, sources, seed=5)


@pytest.mark.parametrize("side", [0, 8, -64])
def test_a_side_too_small_is_refused(sources: list[Source], side: int) -> None:
    with pytest.raises(ValueError, match="at least 16 px"):
        plan(5, sources, seed=5, side=side)


def test_a_seed_decides_everything(sources: list[Source]) -> None:
    assert plan(30, sources, seed=5) == plan(30, sources, seed=5)
    assert plan(30, sources, seed=5)[3:] != plan(30, sources, seed=6)[3:]


def test_no_two_recipes_are_alike_and_json_keeps_them(sources: list[Source]) -> None:
    recipes = plan(120, sources[:1], seed=5)
    assert len({json.dumps(recipe, sort_keys=True) for recipe in recipes}) == 120
    assert json.loads(json.dumps(recipes)) == recipes


def test_everything_is_used_before_it_repeats(sources: list[Source]) -> None:
    recipes = made(plan(103, sources, seed=5))
    assert unevenness(recipe["source"] for recipe in recipes) <= 1
    assert unevenness(recipe["framing"] for recipe in recipes) <= 1
    assert {recipe["framing"] for recipe in recipes[: len(FRAMINGS)]} == set(FRAMINGS)
    for kind, names in KINDS.items():
        own = [recipe["background"]["name"] for recipe in recipes if recipe["background"]["kind"] == kind]
        assert len(own) == 25
        assert len(set(own[: len(names)])) == len(names)


def test_lights_and_turns_fill_their_range(sources: list[Source]) -> None:
    recipes = made(plan(53, sources, seed=5))
    exposures = [recipe["light"]["exposure"] for recipe in recipes]
    assert -0.4 <= min(exposures) < -0.3
    assert 0.3 < max(exposures) <= 0.4
    assert abs(sum(exposures) / 50) < 0.05
    angles = [recipe["frame"]["angle"] for recipe in recipes]
    assert -6 <= min(angles) < -3
    assert 3 < max(angles) <= 6


def test_nobody_is_mirrored_unless_asked(sources: list[Source]) -> None:
    assert not any(recipe["frame"]["mirror"] for recipe in made(plan(53, sources, seed=5)))
    assert sum(recipe["frame"]["mirror"] for recipe in made(plan(53, sources, seed=5, mirror=True))) == 25
