"""The attribute scorer: its words, its answers' shape, its shares."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.base_models.pocket.people import vocabulary
from gpu_worker.score import IDENTITY, PROMPT, AttributeNetwork, AttributeScorer, ScorerShape, visible

VALUES = {"hair_colour": ("red", "black"), "hair_style": ("bald", "long"), "scene": ("beach", "city", "snow")}


@pytest.fixture
def scorer() -> AttributeScorer:
    torch.manual_seed(0)
    return AttributeScorer(AttributeNetwork(VALUES), VALUES)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 96, 80, 3), dtype=np.uint8)


def test_beliefs_sum_to_one(scorer: AttributeScorer, images: np.ndarray) -> None:
    for name, shares in scorer.probabilities(images).items():
        assert shares.shape == (5, len(VALUES[name]))
        assert np.allclose(shares.sum(axis=1), 1, atol=1e-5)


def test_a_match_is_the_share_of_right_pairs(scorer: AttributeScorer, images: np.ndarray) -> None:
    seen = scorer.judge(images)
    wanted = {"hair_colour": "red", "hair_style": "long", "scene": "beach"}
    right = [image[name] == wanted[name] for image in seen for name in ("hair_colour", "hair_style")]
    assert scorer.subject_match(images, wanted) == sum(right) / 10
    assert scorer.prompt_match(images, wanted) == sum(i["scene"] == "beach" for i in seen) / 5


def test_a_bald_head_is_not_asked_for_its_hair_colour(scorer: AttributeScorer, images: np.ndarray) -> None:
    share = scorer.subject_match(images, {"hair_colour": "red", "hair_style": "bald"})
    assert share == sum(image["hair_style"] == "bald" for image in scorer.judge(images)) / 5


def test_nothing_to_judge_is_refused(scorer: AttributeScorer, images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="nothing to judge"):
        scorer.subject_match(images, {"mood": "sad"})


def test_saving_keeps_words_and_answers(scorer: AttributeScorer, images: np.ndarray, tmp_path: Path) -> None:
    scorer.save(tmp_path, {"drawings": 3})
    again = AttributeScorer.load(tmp_path)
    assert again.values == scorer.values
    assert np.allclose(again.probabilities(images)["scene"], scorer.probabilities(images)["scene"], atol=5e-3)


def test_a_scorer_opens_in_its_own_shape(images: np.ndarray, tmp_path: Path) -> None:
    torch.manual_seed(0)
    shape = ScorerShape(side=48, channels=(8, 16, 24), deep=True)
    scorer = AttributeScorer(AttributeNetwork(VALUES, shape), VALUES)
    scorer.save(tmp_path, {})
    again = AttributeScorer.load(tmp_path)
    assert again.side == 48
    assert again.network.shape == shape
    assert np.allclose(again.probabilities(images)["scene"], scorer.probabilities(images)["scene"], atol=5e-3)


def test_a_scorer_that_says_nothing_of_its_shape_is_of_the_first(scorer: AttributeScorer, tmp_path: Path) -> None:
    scorer.save(tmp_path, {})
    told = json.loads((tmp_path / "scorer.json").read_text())
    del told["network"]
    (tmp_path / "scorer.json").write_text(json.dumps(told))
    assert AttributeScorer.load(tmp_path).side == 64


def test_a_hat_hides_the_cut_of_the_hair_alone() -> None:
    assert visible("hair_style", {"hat": "none"})
    assert visible("hair_style", {})
    assert not visible("hair_style", {"hat": "beanie"})
    assert visible("hair_colour", {"hat": "cap", "hair_style": "long"})


def test_the_shipped_heads_cover_the_vocabulary() -> None:
    values = AttributeScorer.load(WEIGHTS / "scorer").values
    assert set(values["hair_style"]) >= set(vocabulary.HAIR_STYLES)
    assert set(values["hair_colour"]) >= set(vocabulary.HAIR_COLOURS)
    assert set(values["skin"]) >= set(vocabulary.SKINS)
    assert set(values["beard"]) >= set(vocabulary.BEARDS)
    assert set(values["garment"]) >= set(vocabulary.GARMENTS)
    assert set(values["scene"]) >= set(vocabulary.SCENES)
    assert {*IDENTITY, *PROMPT, "glasses", "mood", "class_noun", "garment_colour"} <= set(values)
