"""Scores of images that one can tell without looking, and prompts that ask for what they say."""

from __future__ import annotations

import numpy as np
import pytest

from gpu_worker.evidence.adherence import asked
from gpu_worker.score import AttributeScorer
from gpu_worker.subject_match import SCORER
from tests.benchmarks import quality_scores as scores
from tests.benchmarks.quality_encoder import Encoder, IdentityNetwork, auc
from tests.benchmarks.quality_prompts import described, prompts

RNG, COLOURS = np.random.default_rng(3), np.random.default_rng(4)
NOISE = RNG.integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)


def test_prompts_ask_for_what_they_say() -> None:
    for prompt in prompts():
        told = asked(prompt.text.replace("{token}", "woman"))
        wanted = {name: prompt.asked[name] for name in scores.JUDGED if prompt.asked[name] != "none"}
        assert told == wanted
        assert "{token}" in prompt.text
    assert len({prompt.text for prompt in prompts()}) == 12


def test_looks_are_told_beside_what_is_asked_for() -> None:
    looks = {"hair_colour": "red", "hair_style": "bob", "skin": "pale", "beard": "none"}
    told = described("woman", looks, 2)
    assert (
        told[0].text == "a photo of a {token} with a red bob, pale skin, smiling, wearing a red t-shirt, at the beach"
    )
    assert told[1].text.startswith("a photo of a {token} with a red bob, pale skin, glasses, wearing a black suit")
    assert [prompt.asked for prompt in told] == [prompt.asked for prompt in prompts(2)]


def test_adherence_counts_what_is_seen_of_what_was_asked() -> None:
    two = prompts(2)
    right = [dict(prompt.asked) for prompt in two]
    assert scores.adherence(right, two) == 1
    wrong = [right[0] | {"garment": "dress", "scene": "space"}, right[1]]
    assert scores.adherence(wrong, two) == 0.75
    assert scores.adherence([one | {"mood": "sad"} for one in right], two) == 1


def test_the_room_leaks_where_another_scene_was_asked_for() -> None:
    asking = prompts(4)  # beach, city, forest, snow
    rooms = [{"scene": "beach"}] * 4
    assert scores.leakage(rooms, asking, "beach") == 1
    assert scores.leakage([{"scene": prompt.asked["scene"]} for prompt in asking], asking, "beach") == 0
    assert scores.leakage(rooms, asking, "office") == 0
    assert scores.leakage(rooms[:1], asking[:1], "beach") is None


def test_diversity_is_between_images_of_one_prompt() -> None:
    one, other = prompts(2)
    same = np.stack([NOISE[0], NOISE[0], NOISE[1], NOISE[1]])
    assert scores.diversity(same, [one, one, other, other]) == 0
    assert 0.3 < scores.diversity(NOISE[:4], [one, one, other, other]) < 0.7
    with pytest.raises(ValueError, match="nothing"):
        scores.diversity(NOISE[:2], [one, other])


def test_a_copy_has_no_distance_mirrored_or_not() -> None:
    assert scores.copy_distance(NOISE[:2], [NOISE[0], np.fliplr(NOISE[1])]) == 0
    assert scores.copy_distance(NOISE[2:4], list(NOISE[:2])) > 0.2


def test_images_that_stay_do_not_drift() -> None:
    scorer = AttributeScorer.load(SCORER)
    assert scores.drift(scorer, NOISE, NOISE) == 0
    changed = scores.drift(scorer, NOISE, np.full_like(NOISE, 255))
    assert 0.02 < changed <= 1
    with pytest.raises(ValueError, match="nothing"):
        scores.drift(scorer, NOISE[:1], NOISE[1:2])


def test_other_images_of_the_same_kind_are_no_drift() -> None:
    scorer = AttributeScorer.load(SCORER)
    found = [scores.drift(scorer, one, other) for one, other in zip(kinds(40), kinds(40), strict=True)]
    assert abs(np.mean(found)) < 3 * np.std(found) / len(found) ** 0.5


def kinds(times: int) -> list[np.ndarray]:
    """So many sets of eight plain images, each of black or white by chance."""
    colours = COLOURS.integers(0, 2, (times, 8, 1, 1, 1), dtype=np.uint8) * 255
    return list(np.broadcast_to(colours, (times, 8, 64, 64, 3)))


def test_vectors_that_lie_by_person_have_the_highest_auc() -> None:
    people = np.repeat(np.arange(4), 3)
    apart = np.eye(4, dtype=np.float32)[people]
    assert auc(apart, people) == 1
    assert auc(np.ones((12, 4), np.float32), people) == 0.5


def test_the_encoder_tells_vectors_of_length_1_for_any_size() -> None:
    encoder = Encoder(IdentityNetwork().eval(), 0.0)
    vectors = encoder.vectors(RNG.integers(0, 256, (3, 100, 100, 3), dtype=np.uint8))
    assert vectors.shape == (3, 64)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
