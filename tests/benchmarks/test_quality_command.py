"""The commands themselves, without any work: what is left, and how they stop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks import ablate, quality


def test_status_tells_what_is_left_and_touches_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quality.main(["--status", "--work", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[3:7]] == [
        "search of ours",
        "search of example",
        "test of ours",
        "test of example",
    ]
    assert lines[-1].startswith("all ")
    assert lines[-1].endswith(" min left")
    assert not list(tmp_path.iterdir())


def test_when_the_minutes_are_over_nothing_is_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quality.main(["--minutes", "0", "--quick", "--work", str(tmp_path)])
    assert capsys.readouterr().out.startswith("stopped after 0 minutes; the same command goes on")
    assert not list(tmp_path.iterdir())


def test_the_ablation_ends_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ablate.main(["--status", "--quick", "--work", str(tmp_path), "--rows", "EMA"])
    lines = capsys.readouterr().out.splitlines()
    assert "of    1" in lines[0]
    told = json.loads(lines[-1])
    assert (told["bench"], told["rows"], told["worth_over_default"]) == ("ablate", 0, {})
    assert told["of"] > 15
