"""The report of a training: what it was told to do, how it went and how long it took, and which weights were kept.

Nothing is measured on images here, and nothing chosen: that is told by candidates and choosing.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpu_worker.base_models.family import BaseModel
from gpu_worker.evidence.judge import clip_hash
from gpu_worker.evidence.references import References
from gpu_worker.images import read_rgb
from gpu_worker.provenance.record import short_name
from gpu_worker.train.candidates import Candidates
from gpu_worker.train.choosing import Choice
from gpu_worker.train.config import TrainConfig
from gpu_worker.train.curves import draw_loss_curve
from gpu_worker.train.sample_sheet import sample_sheet
from gpu_worker.train.samples import sample_prompts

FILE, SHEET, CURVE = "report.json", "samples.png", "loss.png"
LIBRARIES = ("photogen", "torch", "diffusers", "transformers", "peft", "accelerate", "safetensors", "numpy")


class Clock:
    """Seconds and examples by phase of this attempt, and the memory it took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.examples: dict[str, int] = {}
        self._inside: list[float] = []  # for each phase under way, seconds of the phases inside it
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()

    @contextmanager
    def phase(self, name: str, examples: int = 0) -> Iterator[None]:
        """Add what happens inside to phase `name`; a phase within another one is not counted in that."""
        self.seconds.setdefault(name, 0.0)  # phases are told in the order in which they began
        began = time.monotonic()
        self._inside.append(0.0)
        try:
            yield
        finally:
            took = time.monotonic() - began
            self.seconds[name] += took - self._inside.pop()
            self.count(name, examples)
            if self._inside:
                self._inside[-1] += took

    def count(self, name: str, examples: int) -> None:
        """Images that phase `name` drew, encoded or learnt from."""
        self.examples[name] = self.examples.get(name, 0) + examples

    def told(self) -> dict[str, dict[str, float | int | None]]:
        """By phase: seconds, examples, examples_per_second (None where there are no examples)."""
        return {
            name: {
                "seconds": round(seconds, 2),
                "examples": self.examples[name],
                "examples_per_second": round(self.examples[name] / seconds, 2)
                if self.examples[name] and seconds
                else None,
            }
            for name, seconds in self.seconds.items()
        }


@dataclass(frozen=True)
class Facts:
    """What the report says of one training.

    `losses` and `prior_losses` are of every train step, also those of earlier attempts; `resumed_from` is the train
    step that this attempt began after. `candidates` is None when no samples were drawn. `device` is where it learnt, if
    the base model has left that since.
    """

    config: TrainConfig
    base: BaseModel
    base_hash: str
    losses: Sequence[float]
    choice: Choice
    candidates: Candidates | None = None
    prior_losses: Sequence[float] = ()
    resumed_from: int = 0
    clock: Clock = field(default_factory=Clock)
    device: torch.device | None = None


def write_report(inputs: Path, outputs: Path, facts: Facts) -> None:
    """Write outputs/report.json, outputs/loss.png, and outputs/samples.png where samples were drawn.

    The JSON has config, base_model (source, sha256, licence, commercial_use), versions, device, peak_memory, phases
    (seconds, examples, examples_per_second), train_steps, resumed_from, losses, prior_losses, clip_sha256 (of the
    network that told adherence, None without one), likeness_to (how many photos samples were compared with, and whether
    training saw none of them; None without samples), candidates and choice.
    """
    (outputs / FILE).write_text(json.dumps(_report(inputs, outputs, facts), indent=1) + "\n")
    draw_loss_curve(facts.losses, outputs / CURVE, facts.prior_losses)
    if facts.candidates:
        rows = [(row, facts.candidates.samples(int(row["step"]))) for row in facts.choice.table]
        rows = [(row, samples) for row, samples in rows if samples]
        if rows:
            sheet = sample_sheet(sample_prompts(facts.config), rows, _photos(inputs), facts.choice.why)
            sheet.save(outputs / SHEET, format="PNG")


def peak_memory() -> dict[str, Any]:
    """Bytes: of the gpu, what torch held at most since the clock was made; else what this process ever took."""
    if torch.cuda.is_available():
        return {"bytes": torch.cuda.max_memory_allocated(), "of": "gpu"}
    unit = 1 if sys.platform == "darwin" else 1024
    return {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, "of": "process"}


def _report(inputs: Path, outputs: Path, facts: Facts) -> dict[str, Any]:
    licence, device = facts.base.licence, facts.device or facts.base.denoiser.device
    return {
        "config": facts.config.model_dump(mode="json"),
        "base_model": {
            "source": short_name(facts.base.source),
            "sha256": facts.base_hash,
            "licence": licence.name,
            "commercial_use": licence.commercial_use,
        },
        "versions": _versions(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "peak_memory": peak_memory(),
        "phases": facts.clock.told(),
        "train_steps": len(facts.losses),
        "resumed_from": facts.resumed_from,
        "losses": [round(float(loss), 6) for loss in facts.losses],
        "prior_losses": [round(float(loss), 6) for loss in facts.prior_losses],
        "clip_sha256": clip_hash(facts.config.base_model, facts.config.clip_weights) if facts.candidates else None,
        "likeness_to": _likeness_to(inputs, outputs) if facts.candidates else None,
        "candidates": list(facts.choice.table),
        "choice": {"step": facts.choice.train_step, "why": facts.choice.why},
    }


def _likeness_to(inputs: Path, outputs: Path) -> dict[str, Any]:
    """Of photographs the faces beside the weights; of drawings all photos together, see scores.AttributeLikeness."""
    return References.read(outputs).told() or {"photos": len(_photos(inputs)), "held_out": False}


def _versions() -> dict[str, str | None]:
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _photos(inputs: Path) -> list[np.ndarray]:
    """The photo that was held out first, then those that were learnt from."""
    paths = [p for name in ("held_out", "instance") for p in sorted((inputs / "preprocess" / name).glob("*.png"))]
    return [read_rgb(path) for path in paths if path.stem.isdigit()]
