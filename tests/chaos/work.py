"""The five stages' work as a deterministic stand-in: bytes are hashes of photos, seed and steps. No pixel, no tensor.

The wrapper around it is the real one. A training saves a checkpoint every few train steps and goes on from it, so that
its bytes equal those of a training that nobody disturbed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from photogen_tasks.stages import Stage

TRAIN_STEPS = 10
CHECKPOINT_EVERY = 3
STEP = "step-"  # a name for each checkpoint, as a real training gives them
IMAGES = 2
TICKS = 4  # reports of the other stages


class Opened(Protocol):
    """What the work needs of an OpenStage."""

    @property
    def inputs(self) -> Path: ...
    @property
    def outputs(self) -> Path: ...
    @property
    def checkpoints(self) -> Path: ...
    @property
    def params(self) -> dict[str, Any]: ...
    @property
    def report(self) -> Callable[[float, str], None]: ...


@dataclass(frozen=True)
class Pace:
    """Seconds of a train step and of another stage; zero when only the bytes are wanted."""

    step: float = 0.1
    stage: float = 0.25


OnStep = Callable[[int], None]


def do(stage: Stage, opened: Opened, pace: Pace, on_step: OnStep) -> None:
    """One stage: inputs in, outputs out, progress reported. `on_step` is told each train step that was computed."""
    if stage is Stage.TRAIN:
        _train(opened, pace, on_step)
        return
    for tick in range(TICKS):
        time.sleep(pace.stage / TICKS)
        opened.report((tick + 1) / TICKS, f"{tick + 1} of {TICKS}")
    _WRITERS[stage](opened.outputs, _digest(opened.inputs), int(opened.params["seed"]))


def _train(opened: Opened, pace: Pace, on_step: OnStep) -> None:
    began, state = _resume(opened)
    for step in range(began, TRAIN_STEPS):
        time.sleep(pace.step)
        state = _hash(state, step)
        on_step(step)
        if (step + 1) % CHECKPOINT_EVERY == 0:
            _save(opened.checkpoints, step + 1, state)
        opened.report((step + 1) / TRAIN_STEPS, f"train step {step + 1} of {TRAIN_STEPS}")
    (opened.outputs / "weights.safetensors").write_text(state)
    (opened.outputs / "training.json").write_text(json.dumps({"base_model_hash": _hash("base model")}))


def _resume(opened: Opened) -> tuple[int, str]:
    saved = sorted(opened.checkpoints.glob(f"{STEP}*.safetensors"))
    if saved:
        found = json.loads(saved[-1].read_text())
        return int(found["step"]), str(found["state"])
    return 0, _hash(_digest(opened.inputs), opened.params["seed"])


def _save(folder: Path, step: int, state: str) -> None:
    beside = folder / "checkpoint.part"
    beside.write_text(json.dumps({"step": step, "state": state}))
    saved = folder / f"{STEP}{step:06d}.safetensors"
    beside.replace(saved)
    for old in folder.glob(f"{STEP}*.safetensors"):
        if old != saved:
            old.unlink()


def _preprocess(outputs: Path, digest: str, seed: int) -> None:
    (outputs / "crop-001.png").write_text(_hash("crop", digest))
    report = {"photos": [{"verdict": "accepted"}], "set": {"verdict": "accepted", "accepted": 1}}
    (outputs / "report.json").write_text(json.dumps(report))


def _matte(outputs: Path, digest: str, seed: int) -> None:
    (outputs / "cutout-001.png").write_text(_hash("cutout", digest))
    (outputs / "photos.jpg").write_text(_hash("sheet", digest))


def _generate(outputs: Path, digest: str, seed: int) -> None:
    for number in range(IMAGES):
        (outputs / f"{number:03d}.png").write_text(_hash("image", digest, seed + number))


def _upscale(outputs: Path, digest: str, seed: int) -> None:
    told = []
    for number in range(IMAGES):
        file = f"{number:03d}.png"
        (outputs / file).write_text(_hash("large", digest, seed + number))
        told.append({"file": file, "width": 256, "height": 256, "prompt": "a photo", "seed": seed + number})
    (outputs / "images.json").write_text(json.dumps({"images": told}))


_WRITERS: dict[Stage, Callable[[Path, str, int], None]] = {
    Stage.PREPROCESS: _preprocess,
    Stage.MATTE: _matte,
    Stage.GENERATE: _generate,
    Stage.UPSCALE: _upscale,
}


def _digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return _hash(*(part for path in files for part in (path.relative_to(folder).as_posix(), _hash(path.read_bytes()))))


def _hash(*parts: object) -> str:
    hashed = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        hashed.update(len(data).to_bytes(4, "big") + data)
    return hashed.hexdigest()
