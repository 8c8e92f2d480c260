"""The rows of the ablation: each differs from the default in its trick alone, whichever way the default is."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.train import TrainConfig
from tests.benchmarks import ablate_table
from tests.benchmarks.ablate_tricks import COUNTS, DEFAULT, TRICKS, Trick, rows, trainings
from tests.benchmarks.quality_results import Results
from tests.benchmarks.quality_scale import FULL
from tests.benchmarks.quality_training import Training

SCORES = {
    "likeness": 0.6,
    "likeness_2": 0.4,
    "adherence": 0.6,
    "diversity": 0.3,
    "drift": 0.2,
    "leakage": None,
    "copy_distance": 0.3,
    "train_seconds": 100.0,
}


@pytest.fixture(scope="module")
def planned() -> list[Training]:
    return trainings(str(WEIGHTS), "hash", FULL)


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.name)
def test_a_trick_is_flipped_whichever_way_the_default_is(trick: Trick) -> None:
    usual = TrainConfig.from_params({})
    for settings, was in ((trick.on, True), (trick.off, False)):
        config = usual.model_copy(update=dict(settings))
        name, changed = trick.flipped(config)
        assert trick.is_on(config) == was
        assert name == f"{'without' if was else 'with'} {trick.name}"
        assert trick.is_on(TrainConfig.model_validate(config.model_dump() | changed)) != was


def test_every_row_is_another_training_of_every_customer(planned: list[Training]) -> None:
    names = list(dict.fromkeys(training.recipe for training in planned))
    assert names[0] == DEFAULT
    assert len(planned) == 3 * len(names)
    assert len({training.fingerprint for training in planned if training.customer == FULL.ablate[0]}) == len(names)
    assert {training.photos for training in planned} == {8, *COUNTS}


def test_a_trick_without_meaning_has_no_row() -> None:
    names = [name for name, _, _ in rows(TrainConfig.from_params({}).model_copy(update={"train_text_encoder": False}))]
    assert "with text encoder" in names
    assert not any("stopped early" in name for name in names)


def test_rows_come_when_all_their_customers_are_there(tmp_path: Path, planned: list[Training]) -> None:
    results = Results(tmp_path / "ablation.jsonl")
    for training in planned[:5]:
        better = SCORES | {"likeness": 0.7} if training.recipe != DEFAULT else SCORES
        results.add(training.last, better)
    assert list(ablate_table.rows(planned, results)) == [DEFAULT]
    results.add(planned[5].last, SCORES | {"likeness": 0.7})
    line = ablate_table.last_line(planned, Results(tmp_path / "ablation.jsonl"))
    assert line["rows"] == 2
    assert line["worth_over_default"] == {planned[5].recipe: pytest.approx(0.04)}
    page = ablate_table.text(planned, results)
    assert f"| {planned[5].recipe} | 0.550; +0.040 (+0.040 to +0.040) | 0.700; +0.100 (+0.100 to +0.100) |" in page
    assert f"6 of {len(planned)} trainings" in page


def test_nothing_measured_is_no_row(tmp_path: Path, planned: list[Training]) -> None:
    line = ablate_table.last_line(planned, Results(tmp_path / "none.jsonl"))
    assert line == {"bench": "ablate", "rows": 0, "of": len(planned) // 3, "worth_over_default": {}}
