"""What the environment says is checked when a process starts, with the name of what is wrong."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from photogen_tasks.config import Settings


@pytest.mark.parametrize("told", ["", "{}"])
def test_an_operator_may_leave_trainings_as_they_are(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("PHOTOGEN_TRAINING", told)
    assert Settings().training == {}


def test_an_operator_chooses_how_subjects_are_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_TRAINING", '{"use_dora": true, "class_prompts": ["a {class_noun}"]}')
    assert Settings().training == {"use_dora": True, "class_prompts": ["a {class_noun}"]}


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ("use_dora", "training"),
        ("[]", "training"),
        ('{"use_dorra": true}', "use_dorra"),
        ('{"rank": 0}', "rank"),
        ('{"optimizer": "prodigy", "use_8bit_adam": true}', "use_8bit_adam"),
        ('{"base_model": "owner/name", "seed": 3}', "base_model, seed"),
    ],
)
def test_what_no_training_knows_is_told_at_once(monkeypatch: pytest.MonkeyPatch, told: str, named: str) -> None:
    monkeypatch.setenv("PHOTOGEN_TRAINING", told)
    with pytest.raises(ValidationError, match=named):
        Settings()


def test_that_takes_nothing_heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API checks it, too, and has no torch."""
    monkeypatch.setenv("PHOTOGEN_TRAINING", '{"rank": 8}')
    code = "import sys, api.main; print({'torch', 'numpy', 'diffusers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
