"""What each stage of a job must put out: the same work done here, in one folder, with nobody to disturb it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from photogen_tasks.stages import Stage
from tests.chaos import work


@dataclass
class Quiet:
    """An open stage outside any worker."""

    inputs: Path
    outputs: Path
    checkpoints: Path
    params: dict[str, Any]
    report: Callable[[float, str], None] = field(default=lambda progress, line: None)


# A few dozen tiny files for each of thousands of jobs.
IN_MEMORY = Path("/dev/shm")


def outputs(photos: list[bytes], seed: int) -> dict[Stage, dict[str, bytes]]:
    """By stage: the bytes of each file of its output, by name."""
    done: dict[Stage, dict[str, bytes]] = {}
    with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as name:
        root = Path(name)
        for stage in Stage:
            opened = _open(root, stage, photos, seed)
            work.do(stage, opened, work.Pace(0.0, 0.0), lambda step: None)
            done[stage] = {path.name: path.read_bytes() for path in opened.outputs.iterdir()}
    return done


def _open(root: Path, stage: Stage, photos: list[bytes], seed: int) -> Quiet:
    folder = root / stage.value
    opened = Quiet(folder / "inputs", folder / "outputs", folder / "checkpoints", {"seed": seed})
    for path in (opened.inputs, opened.outputs, opened.checkpoints):
        path.mkdir(parents=True)
    if stage.spec.photos:
        (opened.inputs / "photos").mkdir()
        for number, photo in enumerate(photos, start=1):
            (opened.inputs / "photos" / f"{number:03d}-photo").write_bytes(photo)
    for read in stage.spec.reads:
        shutil.copytree(root / read.value / "outputs", opened.inputs / read.value)
    return opened
