"""Results are written once and survive whoever is killed while writing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.quality_results import Key, Results

ONE, OTHER = Key("ours", "20000", 100, "aaaa"), Key("ours", "20000", 200, "aaaa")


def test_another_process_finds_what_was_written(tmp_path: Path) -> None:
    Results(tmp_path / "work" / "results.jsonl").add(ONE, {"likeness": 0.5})
    later = Results(tmp_path / "work" / "results.jsonl")
    assert ONE in later
    assert OTHER not in later
    assert later[ONE]["likeness"] == 0.5


def test_nothing_is_written_twice(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl")
    results.add(ONE, {"likeness": 0.5})
    with pytest.raises(ValueError, match="measured before"):
        results.add(ONE, {"likeness": 0.9})
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 1


def test_other_settings_are_another_result(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl")
    results.add(ONE, {"likeness": 0.5})
    assert Key("ours", "20000", 100, "bbbb") not in results


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_cut_off_by_a_kill_costs_itself_alone(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "results.jsonl"
    Results(path).add(ONE, {"likeness": 0.5})
    Results(path).add(OTHER, {"likeness": 0.6})
    path.write_bytes(path.read_bytes()[:-cut])
    again = Results(path)
    assert ONE in again
    if OTHER not in again:
        again.add(OTHER, {"likeness": 0.7})
    last = Results(path)
    assert last[ONE]["likeness"] == 0.5
    assert last[OTHER]["likeness"] in (0.6, 0.7)


def test_lines_that_are_no_results_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text('[]\n{"recipe": "ours"}\n"text"\n\n')
    assert Results(tmp_path / "results.jsonl").all() == []
