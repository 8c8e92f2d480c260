"""Limits are bounded and sourced; a base model's folder says what its images are."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.errors import BadWeights
from gpu_worker.evidence.limits import Limits, domain_of, domains


def test_the_pocket_that_ships_is_a_domain_of_its_own() -> None:
    assert domain_of(WEIGHTS).name == "pocket"
    assert not domain_of(str(WEIGHTS)).faces


@pytest.mark.parametrize("told", ["{}", '{"licence": "x"}'])
def test_a_folder_that_does_not_say_makes_photographs(tmp_path: Path, told: str) -> None:
    assert domain_of(tmp_path).name == domain_of("a/name").name == "photographs"
    (tmp_path / "base_model.json").write_text(told)
    assert domain_of(tmp_path).name == "photographs"


def test_a_folder_may_say_that_it_draws(tmp_path: Path) -> None:
    (tmp_path / "base_model.json").write_text('{"domain": "drawn"}')
    assert domain_of(tmp_path) == domains()["drawn"]


@pytest.mark.parametrize("told", ['{"domain": "cats"}', '{"domain": []}', "[]", "", '{"domain": null}', "[" * 100_000])
def test_an_unknown_domain_or_a_broken_file_is_bad_weights(tmp_path: Path, told: str) -> None:
    (tmp_path / "base_model.json").write_text(told)
    with pytest.raises(BadWeights, match=r"base_model\.json"):
        domain_of(tmp_path)


@pytest.mark.parametrize(
    "told", [{"unsafe": 1.1}, {"likeness": -2}, {"sharpness": 7}, {"adherence": "much"}, {"unsure": -0.1}]
)
def test_limits_have_bounds(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Limits.from_params(told)


def test_every_limit_and_domain_says_where_it_is_from() -> None:
    assert all(field.description for field in Limits.model_fields.values())
    assert all(domain.source for domain in domains().values())


def test_what_was_calibrated_carries_its_command_and_counts() -> None:
    drawn = domains()["drawn"]
    assert drawn.likeness == drawn.calibration["threshold"]
    assert "gpu_worker.evidence.calibrate" in drawn.calibration["command"]
    assert sum(drawn.calibration["people"]) >= 60
