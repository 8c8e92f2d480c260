"""A base model of full size learns with `lora` in 16 GiB."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = "tests.gpu_worker.base_models.full_size"


@pytest.mark.slow
def test_stable_diffusion_learns_in_16_gib(record_property: Callable[[str, object], None]) -> None:
    told = subprocess.run([sys.executable, "-m", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    figures = json.loads(told.stdout.splitlines()[-1])
    record_property("peak_gib", figures["peak_gib"])
    print(f"peak memory {figures['peak_gib']} GiB")
    assert figures["parameters"]["unet"] == 859_520_964
    assert figures["parameters"]["text_encoder"] > 120e6
    assert figures["parameters"]["vae"] > 80e6
    assert 0 < figures["loss"] < 10
    assert figures["peak_gib"] < 16
