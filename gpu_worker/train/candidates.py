"""Candidates: the weights of some train steps with what their samples scored, and which of them is kept.

Nothing is drawn or measured here; what weights are is known to who gives `save` and `load`.
"""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gpu_worker.images import read_rgb, write_png
from gpu_worker.train.choosing import Candidate, Choice, choose, last_train_step, rows
from gpu_worker.train.scores import Scores

JSON_BYTES = 1024 * 1024  # a candidate's record takes one of its thousands
NAMES = tuple(name.name for name in fields(Scores) if name.name != "unmeasured")
# What hashlib, json and Pillow raise at files that are not as they were written.
BROKEN = (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError, ArithmeticError, SyntaxError)
BROKEN_PICTURE = (*BROKEN, Image.DecompressionBombError)


class Candidates:
    """The candidates of one training, in a folder that outlives an interrupted attempt.

    `candidate-NNNNNN.safetensors` holds the weights after train step NNNNNN, `.png` the samples side by side, `.json`
    the scores and the weights' hash; the JSON comes last and says that all are there. Each is written beside and
    renamed. Files that are broken, or another training's by their `fingerprint`, count as not there.
    """

    def __init__(
        self,
        folder: Path,
        fingerprint: str,
        save: Callable[[Path], None],
        load: Callable[[Path], None],
        *,
        few: bool = False,
    ) -> None:
        """`save` writes the weights as they are now into one safetensors file; `load` reads such a file back, all of
        it or none, and raises one of BROKEN, RuntimeError or SafetensorError for what does not fit. `few`: weights are
        so large that only the newest ones and the best so far are kept.
        """
        self.folder, self.fingerprint, self.few = folder, fingerprint, few
        self._save, self._load = save, load
        folder.mkdir(parents=True, exist_ok=True)
        self._let_go()

    def all(self) -> list[Candidate]:
        """Every candidate there was, by train step; those whose weights are gone too."""
        found = [self._read(path) for path in sorted(self.folder.glob("candidate-*.json"))]
        return [candidate for candidate in found if candidate]

    def has(self, step: int) -> bool:
        """Whether the samples of this train step were drawn and scored, now or by an earlier attempt."""
        return self._read(self._path(step, "json")) is not None

    def add(self, step: int, scores: Scores, samples: Sequence[np.ndarray]) -> Candidate:
        """Keep the weights of now as those after train step `step`; samples are RGB, uint8 (H, W, 3), of one size."""
        weights = self._write(step, "safetensors", self._save)
        self._write(step, "png", lambda path: _write_strip(path, samples))
        told = {"fingerprint": self.fingerprint, "sha256": _hash(weights), "samples": len(samples)}
        record = json.dumps(told | {"step": step} | asdict(scores), indent=1)
        self._write(step, "json", lambda path: path.write_text(record))
        self._let_go()
        return Candidate(step, scores)

    def take_best(self) -> Choice | None:
        """Choose, and load what was chosen; None where no weights are left to choose from.

        Weights that do not load, or are not what their record says, are passed over.
        """
        held = self._held()
        while held:
            choice = choose(held)
            if self._loads(choice.train_step):
                return self._with_beaten(choice, held)
            held = [candidate for candidate in held if candidate.train_step != choice.train_step]
        return None

    def samples(self, step: int) -> list[np.ndarray]:
        """The samples of a train step as they were drawn, uint8 (H, W, 3); none where the picture is broken."""
        try:
            count = int(json.loads(self._path(step, "json").read_bytes())["samples"])
            return np.split(read_rgb(self._path(step, "png")), count, axis=1)
        except BROKEN_PICTURE:
            return []

    def _with_beaten(self, choice: Choice, held: Sequence[Candidate]) -> Choice:
        """The choice with all candidates in its table, those whose weights are gone too."""
        gone = [candidate for candidate in self.all() if candidate not in held]
        table = [*choice.table, *rows(gone, {}, {candidate.train_step: "beaten" for candidate in gone})]
        return replace(choice, table=tuple(sorted(table, key=lambda row: int(row["step"]))))

    def _held(self) -> list[Candidate]:
        return [candidate for candidate in self.all() if self._path(candidate.train_step, "safetensors").is_file()]

    def _let_go(self) -> None:
        """Weights that can no longer be chosen; the same ones whenever this is asked, so that attempts agree."""
        held = self._held() if self.few else []
        if held:
            kept = {choose(held).train_step, held[-1].train_step}
            for candidate in held:
                if candidate.train_step not in kept:
                    self._path(candidate.train_step, "safetensors").unlink()

    def _loads(self, step: int) -> bool:
        from safetensors import SafetensorError

        weights = self._path(step, "safetensors")
        try:
            if _hash(weights) != json.loads(self._path(step, "json").read_bytes())["sha256"]:
                return False
            self._load(weights)
        except (*BROKEN, RuntimeError, SafetensorError):
            return False
        return True

    def _read(self, path: Path) -> Candidate | None:
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > JSON_BYTES:
                return None
            told = json.loads(path.read_bytes())
            if told["fingerprint"] != self.fingerprint or path != self._path(told["step"], "json"):
                return None
            scores = {name: _share(told[name]) for name in NAMES}
            unmeasured = {str(name): str(why) for name, why in told["unmeasured"].items()}
            return Candidate(told["step"], Scores(**scores, unmeasured=unmeasured))
        except BROKEN:
            return None

    def _path(self, step: int, kind: str) -> Path:
        return self.folder / f"candidate-{step:06d}.{kind}"

    def _write(self, step: int, kind: str, write: Callable[[Path], Any]) -> Path:
        path = self._path(step, kind)
        partial = path.with_suffix(f".{kind}.partial")
        write(partial)
        return partial.replace(path)


def _share(told: Any) -> float | None:
    if told is None:
        return None
    if not isinstance(told, int | float) or not math.isfinite(told) or not 0 <= told <= 1:
        raise ValueError(f"{told!r} is no score")
    return float(told)


def _write_strip(path: Path, samples: Sequence[np.ndarray]) -> None:
    with path.open("wb") as file:
        write_png(np.concatenate(samples, axis=1), file)


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


__all__ = ["Candidate", "Candidates", "Choice", "choose", "last_train_step"]
