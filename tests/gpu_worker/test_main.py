"""A stage by hand."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from gpu_worker.__main__ import STAGES, _load, main
from gpu_worker.images import read_rgb


def test_every_stage_is_there() -> None:
    for stage in STAGES:
        verb, config = _load(stage)
        assert callable(verb)
        assert config.from_params({"unknown": 1, "other": None}) == config.from_params({})


def test_a_stage_by_hand(stage_folders: tuple[Path, Path], grace_hopper: Image.Image) -> None:
    inputs, outputs = stage_folders
    grace_hopper.save(inputs / "photos" / "001.png")
    assert main(["preprocess", str(inputs), str(outputs), "--set", "min_photos=1", "--set", "max_side=256"]) == 0
    assert read_rgb(outputs / "instance" / "001.png").shape == (256, 256, 3)


def test_what_is_wrong_is_said(stage_folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    inputs, outputs = stage_folders
    assert main(["preprocess", str(inputs), str(outputs)]) == 1
    assert "too_few_photos" in capsys.readouterr().err


def test_errors_and_photo_stages_need_no_torch() -> None:
    code = "import sys, gpu_worker.errors, gpu_worker.preprocess, gpu_worker.matte; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
