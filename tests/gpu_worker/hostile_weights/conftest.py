"""What the tests of hostile weights stand on: bounds for memory and time, a canary, a small training."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_worker.images import write_png
from gpu_worker.train import TrainConfig, train_dreambooth

GROWTH = 3 * 2**30  # bytes of address space above what the process has; libraries map, and threads have stacks
HANG_SECONDS = 120  # an alarm for what never ends, on a busy machine


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """A huge allocation fails, a hang is ended; both then show as the wrong error."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + GROWTH, before[1]))
    alarm = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it hangs"))
    signal.alarm(HANG_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, alarm)
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """What code in a file would make."""
    yield tmp_path / "canary"
    assert not (tmp_path / "canary").exists(), "code ran"


SMALL: dict[str, Any] = {
    "train_text_encoder": True,
    "rank": 4,
    "lora_alpha": 8,
    "max_train_steps": 4,
    "train_batch_size": 1,
    "num_class_images": 0,
    "variants_per_photo": 1,
    "checkpointing_steps": 2,
    "num_validation_images": 0,
    "save_full_as": "folder",
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a training reads: one photo of noise."""
    inputs = tmp_path_factory.mktemp("inputs")
    (inputs / "preprocess/instance").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (80, 80, 3)).astype(np.uint8)
    write_png(pixels, inputs / "preprocess/instance/001.png")
    return inputs


def train(photos: Path, base: Path, outputs: Path, **more: Any) -> Path:
    outputs.mkdir(parents=True)
    method = more.pop("method", "lora")
    config = TrainConfig.from_params({"base_model": str(base), "method": method} | SMALL)
    train_dreambooth(photos, outputs, config, **more)
    return outputs


@pytest.fixture(scope="module")
def trained(photos: Path, random_pocket: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A subject's weights by method, as a training leaves them."""
    where = tmp_path_factory.mktemp("trained")
    return {method: train(photos, random_pocket, where / method, method=method) for method in ("lora", "full")}
