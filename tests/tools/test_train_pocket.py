"""The script that trains pocket: what it starts in which order, and that nothing is done twice. Trains nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.write_readme import ROOT

# Instead of Python: writes down what it was asked for, and leaves what the script looks for.
FAKE = """#!/usr/bin/env bash
echo "${@:2}" >> "$(dirname "$0")/asked"
[ "$2" != "$STOPS" ] || exit 1
[[ $2 == *train_matte ]] && touch "$4/matte.safetensors" "$4/matte.json"
[[ $2 == *package ]] && mkdir -p "$4" && echo "{\\"piece\\": $8," > "$4/pocket.json"
exit 0
"""
POCKET = "gpu_worker.base_models.pocket"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The script in a tree of its own."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "gpu_worker/matting/weights").mkdir(parents=True)
    shutil.copy(ROOT / "tools/train_pocket.sh", tmp_path / "tools")
    (tmp_path / "python").write_text(FAKE)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def run(tree: Path, *arguments: str, stops: str = "") -> tuple[int, list[str]]:
    """Exit status, and what Python was asked for this time."""
    asked = tree / "asked"
    asked.unlink(missing_ok=True)
    env = os.environ | {"PYTHON": str(tree / "python"), "STOPS": stops, "COUNT": "9"}
    command = ["bash", str(tree / "tools/train_pocket.sh"), "work", "--weights", "weights", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.returncode, asked.read_text().splitlines() if asked.is_file() else []


def modules(asked: list[str]) -> list[str]:
    return [line.split()[0].removeprefix(f"{POCKET}.") for line in asked]


def test_the_first_piece_trains_the_vae(tree: Path) -> None:
    status, asked = run(tree)
    assert status == 0
    assert modules(asked) == ["people", "train_vae", "train_unet", "package"]
    assert "--count 9 --size 192 --whole --workers 2 --seed 11" in asked[0]


def test_the_last_piece_trains_the_matte_network(tree: Path) -> None:
    status, asked = run(tree, "--pieces", "1")
    assert status == 0
    assert modules(asked)[-4:] == ["package", "train_scorer", "package", "train_matte"]
    assert (tree / "gpu_worker/matting/weights/pocket.safetensors").is_file()


def test_what_is_done_is_not_done_again(tree: Path) -> None:
    assert run(tree, stops=f"{POCKET}.train_unet")[0] == 1
    assert modules(run(tree)[1])[0] == "train_unet"
    assert run(tree) == (0, [])


def test_the_second_piece_goes_on_from_what_was_packaged(tree: Path) -> None:
    run(tree)
    status, asked = run(tree, "--piece", "2")
    assert status == 0
    assert modules(asked) == ["people", "train_unet", "package"]
    assert "--seed 12" in asked[0]
    assert "work/piece-2/start/vae work/piece-2 --piece 2 --pieces 3 --start-from work/piece-2/start" in asked[1]
    assert asked[2].endswith("weights --drawings 9 --piece 2 --start-from work/piece-2/start")
    assert (tree / "work/piece-2/start/pocket.json").is_file()


def test_a_piece_that_does_not_follow_is_refused(tree: Path) -> None:
    assert run(tree, "--piece", "2") == (1, [])
    run(tree)
    assert run(tree, "--piece", "3") == (1, [])


def test_a_first_piece_does_not_write_over_another_machines(tree: Path) -> None:
    assert run(tree)[0] == 0
    shutil.rmtree(tree / "work")
    assert run(tree) == (1, [])


def test_an_unknown_option_is_refused(tree: Path) -> None:
    assert run(tree, "--pice", "2") == (2, [])
