"""Several processes on one benchmark: nothing twice, nothing left out, and each sees what the others wrote."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.quality_results import Key, Results
from tests.benchmarks.quality_share import ALL, Share, add_share, alone


@given(st.lists(st.integers()), st.integers(1, 5))
def test_shares_are_everything_once(pieces: list[int], count: int) -> None:
    shares = [Share(first, count).of(pieces) for first in range(count)]
    assert sorted(piece for share in shares for piece in share) == sorted(pieces)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert ALL.of(pieces) == pieces


def test_a_share_is_told_as_k_of_n(capsys: pytest.CaptureFixture[str]) -> None:
    options = argparse.ArgumentParser()
    add_share(options)
    assert options.parse_args([]).share == ALL
    assert options.parse_args(["--share", "2/3"]).share == Share(1, 3)
    for wrong in ("0/2", "3/2", "half", "1/0"):
        with pytest.raises(SystemExit):
            options.parse_args(["--share", wrong])
    assert "--share" in capsys.readouterr().err


def test_what_another_process_wrote_is_seen(tmp_path: Path) -> None:
    mine, other = (Results(tmp_path / "results.jsonl") for _ in range(2))
    key = Key("ours", "1", 10, "abc")
    other.add(key, {"likeness": 0.5})
    assert key not in mine
    mine.refresh()
    assert mine[key]["likeness"] == 0.5


def test_only_one_makes_a_thing(tmp_path: Path) -> None:
    with alone(tmp_path / "work" / "encoder"):
        assert not (tmp_path / "work" / "encoder").exists()
        with pytest.raises(TimeoutError):
            alone(tmp_path / "work" / "encoder").acquire(timeout=0)
