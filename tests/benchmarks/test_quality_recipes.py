"""What is compared: the defaults as customers get them, and the example as it is documented, on equal terms."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.train import TrainConfig
from tests.benchmarks import quality_recipes as recipes
from tests.benchmarks import quality_search as search
from tests.benchmarks.quality_recipes import AS_DOCUMENTED, EXAMPLE, OURS, SHARED, fingerprint
from tests.benchmarks.quality_results import Results
from tests.benchmarks.quality_scale import FULL, QUICK, SEED, Scale, spread
from tests.benchmarks.quality_training import Training

POCKET = str(WEIGHTS)
FREE = {"checkpoints_total_limit", "checkpointing_steps"}  # change no weights


def searched(recipe: str, scale: Scale = FULL) -> list[Training]:
    return search.trainings(recipe, POCKET, "hash", scale)


def test_ours_is_what_a_customer_gets() -> None:
    usual = TrainConfig.from_params({"class_noun": "woman", "seed": SEED})
    own = recipes.ours(POCKET, "woman", FULL)
    assert own.model_dump(exclude=FREE) == usual.model_dump(exclude=FREE)


def test_the_example_is_as_documented_and_otherwise_on_equal_terms() -> None:
    example, own = recipes.example(POCKET, "man", FULL, 0.01, 123), recipes.ours(POCKET, "man", FULL)
    assert (example.learning_rate, example.max_train_steps) == (0.01, 123)
    assert all(getattr(example, name) == value for name, value in AS_DOCUMENTED.items())
    assert all(getattr(example, name) == getattr(own, name) for name in SHARED)


@pytest.mark.parametrize("scale", [FULL, QUICK])
def test_both_recipes_are_searched_with_one_budget(scale: Scale) -> None:
    ours, theirs = searched(OURS, scale), searched(EXAMPLE, scale)
    for what in (
        lambda one: one.customer,
        lambda one: one.steps,
        lambda one: one.config.learning_rate,
        lambda one: one.config.max_train_steps,
        lambda one: one.config.train_batch_size,
        lambda one: (one.midway, one.end),
    ):
        assert [what(one) for one in ours] == [what(one) for one in theirs]


def test_the_search_has_the_default_among_what_it_tries() -> None:
    usual = recipes.ours(POCKET, "person", FULL)
    same = [one for one in searched(OURS) if one.config.learning_rate == usual.learning_rate]
    assert len(same) == len(FULL.tuning)
    assert all(one.config.text_encoder_lr == usual.text_encoder_lr for one in same)
    assert recipes.own_steps(POCKET, FULL) in same[0].steps


def test_every_judged_train_step_has_a_checkpoint() -> None:
    for one in searched(EXAMPLE):
        assert all(step % one.config.checkpointing_steps == 0 for step in one.steps[:-1])
        assert one.steps[-1] == one.config.max_train_steps


def test_train_steps_are_spread_evenly() -> None:
    assert spread(300, 6) == (50, 100, 150, 200, 250, 300)
    assert spread(310, 3) == (103, 206, 310)
    assert spread(2, 6) == (1, 2)


def test_a_fingerprint_changes_with_all_that_shapes_a_result_and_with_nothing_else() -> None:
    own = recipes.ours(POCKET, "woman", FULL)
    same = own.model_copy(update={"checkpointing_steps": 7, "base_model": "/elsewhere"})
    assert fingerprint(own, "hash", FULL.end) == fingerprint(same, "hash", FULL.end)
    others = [
        fingerprint(own.model_copy(update={"learning_rate": 0.5}), "hash", FULL.end),
        fingerprint(own, "other", FULL.end),
        fingerprint(own, "hash", FULL.midway),
    ]
    assert len({fingerprint(own, "hash", FULL.end), *others}) == 4


def test_the_best_pair_is_found_and_fewer_train_steps_where_two_are_alike(tmp_path: Path) -> None:
    trainings, results = searched(EXAMPLE), Results(tmp_path / "results.jsonl")
    rates = search.rates(POCKET, FULL)
    for one in trainings:
        assert search.found(trainings, results) is None
        for step in one.steps:
            likeness = 0.9 if one.config.learning_rate == rates[1] and step >= one.steps[2] else 0.5
            told = {"likeness": likeness, "adherence": 0.5, "diversity": 0.3, "copy_distance": 0.3}
            results.add(one.key(step), told)
    best = search.found(trainings, results)
    assert best is not None
    assert (best.learning_rate, best.train_steps) == (rates[1], trainings[0].steps[2])
