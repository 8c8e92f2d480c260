"""A training in pieces, as its packaged folder tells it: facts and loss curves of all pieces, joined. No weights."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

TRAININGS = ("vae", "unet", "scorer")

Curve = list[tuple[int, float]]  # (train step, loss)


@dataclass(frozen=True)
class Piece:
    """What one piece did: train steps and seconds by training, those that it had."""

    piece: int
    drawings: int
    train_steps: dict[str, int]
    seconds_on_two_cores: dict[str, int]

    @classmethod
    def read(cls, trained: Path, piece: int, drawings: int) -> "Piece":
        """From the checkpoints in the folder that the trainings wrote into."""
        paths = {name: trained / f"{name}.checkpoint.pt" for name in TRAININGS}
        states = {name: torch.load(path, weights_only=True) for name, path in paths.items() if path.is_file()}
        steps = {name: int(state["step"]) for name, state in states.items()}
        return cls(piece, drawings, steps, {name: round(state["seconds"]) for name, state in states.items()})


@dataclass(frozen=True)
class Joined:
    """All pieces: what pocket.json says of them, and the loss curves from end to end."""

    facts: dict[str, Any]
    curves: dict[str, Curve]


def loss_curves(folder: Path) -> dict[str, Curve]:
    """The curves of this piece's trainings, by name."""
    files = {name: folder / f"{name}.loss.json" for name in TRAININGS}
    return {name: _curve(json.loads(file.read_text())) for name, file in files.items() if file.is_file()}


def join(piece: Piece, curves: Mapping[str, Curve], before: Path | None) -> Joined:
    """This piece behind those whose packaged folder is `before`. Raises ValueError where that is not the one before."""
    past: list[dict[str, Any]] = []
    old: dict[str, Curve] = {}
    if before is not None:
        past = json.loads((before / "pocket.json").read_text()).get("pieces", [])
        old = {name: _curve(curve) for name, curve in json.loads((before / "loss.json").read_text()).items()}
    if len(past) != piece.piece - 1:
        raise ValueError(f"piece {piece.piece} cannot follow {len(past)} pieces ({before})")
    steps = _sums(past, "train_steps")
    whole = {
        name: old.get(name, []) + [(step + steps.get(name, 0), loss) for step, loss in curves.get(name, [])]
        for name in TRAININGS
        if name in old or name in curves
    }
    pieces = [*past, asdict(piece)]
    facts = {
        "train_steps": _sums(pieces, "train_steps"),
        "final_loss": {name: curve[-1][1] for name, curve in whole.items() if curve},
        "seconds_on_two_cores": _sums(pieces, "seconds_on_two_cores"),
        "pieces": pieces,
    }
    return Joined(facts, {name: curve for name, curve in whole.items() if curve})


def _sums(pieces: list[dict[str, Any]], what: str) -> dict[str, int]:
    """By training, over all pieces."""
    return {name: total for name in TRAININGS if (total := sum(piece[what].get(name, 0) for piece in pieces))}


def _curve(told: list[list[float]]) -> Curve:
    return [(int(step), float(loss)) for step, loss in told]
