"""The loop that all of pocket's trainings share: a budget of train steps, EMA, checkpoints, loss curve.

What is learnt stands in train_vae, train_unet and train_scorer; no model and no data here.
"""

import argparse
import json
import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

log = logging.getLogger(__name__)

WARMUP_STEPS = 100
FINAL_RATE = 0.02  # share of the learning rate that is left at the end of the cosine
LOG_STEPS = 20


@dataclass(frozen=True)
class Budget:
    """How long to train: train steps over all resumptions, and not seconds, so that every machine does the same.

    A long training may be cut into `pieces`, made one after the other and maybe elsewhere: each starts from the
    averaged weights of the one before, with an optimiser that knows nothing yet.
    """

    steps: int
    checkpoint_seconds: float = 180.0  # a crash costs three minutes at most
    piece: int = 1
    pieces: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.piece <= self.pieces:
            raise ValueError(f"piece {self.piece} of {self.pieces}")

    def progress(self, step: int) -> float:
        """Share of the budget used, 0..1."""
        return min(1.0, step / self.steps)

    def rate(self, progress: float) -> float:
        """Share of the learning rate at this progress: one cosine over all pieces, so that only the last ends low."""
        along = (self.piece - 1 + progress) / self.pieces
        return FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * along))


@dataclass
class Training:
    """One training's whole state; everything in it goes into the checkpoint."""

    name: str
    folder: Path
    module: nn.Module
    learning_rate: float
    ema_decay: float
    seed: int
    weight_decay: float = 0.01
    step: int = 0
    seconds: float = 0.0
    losses: list[tuple[int, float]] = field(default_factory=list)
    optimiser: torch.optim.AdamW = field(init=False)
    generator: torch.Generator = field(init=False)
    ema: dict[str, torch.Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self.optimiser = torch.optim.AdamW(
            self.module.parameters(),
            self.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=self.weight_decay,
            fused=True,
        )
        self.generator = torch.Generator().manual_seed(self.seed)
        self.ema = {k: v.detach().clone() for k, v in self.module.state_dict().items()}
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def checkpoint(self) -> Path:
        """Where the state is kept between runs."""
        return self.folder / f"{self.name}.checkpoint.pt"

    def save(self) -> None:
        """Write the checkpoint beside and rename it: a crash leaves the old one or the new one, whole."""
        state = {
            "module": self.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": self.ema,
            "generator": self.generator.get_state(),
            "step": self.step,
            "seconds": self.seconds,
            "losses": self.losses,
        }
        beside = self.checkpoint.with_suffix(".part")
        torch.save(state, beside)
        os.replace(beside, self.checkpoint)
        (self.folder / f"{self.name}.loss.json").write_text(json.dumps(self.losses))

    def resume(self) -> bool:
        """Take up the checkpoint when there is one; says whether there was."""
        if not self.checkpoint.is_file():
            return False
        state = torch.load(self.checkpoint, weights_only=True)
        self.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.ema = state["ema"]
        self.step, self.seconds = state["step"], state["seconds"]
        self.generator.set_state(state["generator"])
        self.losses = [(step, loss) for step, loss in state["losses"]]
        return True

    @torch.no_grad()
    def average(self) -> None:
        """Move the EMA towards the module; faster at first, so that the random start is forgotten."""
        decay = min(self.ema_decay, (1 + self.step) / (10 + self.step))
        for name, now in self.module.state_dict().items():
            if now.is_floating_point():
                self.ema[name].lerp_(now, 1 - decay)
            else:
                self.ema[name].copy_(now)

    def averaged(self, module: nn.Module) -> nn.Module:
        """`module` (of the same shape) with the EMA's weights in it."""
        module.load_state_dict(self.ema)
        return module.eval()


def run(
    training: Training,
    budget: Budget,
    loss_of_batch: Callable[[], torch.Tensor],
    every: dict[float, Callable[[], Any]] | None = None,
) -> None:
    """Train until the budget is used; `every` maps seconds to what is done at such intervals."""
    hooks = every or {}
    recent: list[float] = []
    clock, kept = time.monotonic(), time.monotonic()
    due = {seconds: time.monotonic() + seconds for seconds in hooks}
    while (progress := budget.progress(training.step)) < 1.0:
        recent.append(_train_step(training, budget.rate(progress), loss_of_batch))
        now = time.monotonic()
        training.seconds += now - clock
        clock = now
        if training.step % LOG_STEPS == 0:
            _log(training, recent, progress)
            recent = []
        if now - kept > budget.checkpoint_seconds:
            training.save()
            kept = now
        for seconds in [s for s, at in due.items() if now > at]:
            hooks[seconds]()
            due[seconds] = time.monotonic() + seconds
    if recent:
        _log(training, recent, 1.0)
    training.save()


def _train_step(training: Training, rate: float, loss_of_batch: Callable[[], torch.Tensor]) -> float:
    warm = min(1.0, (training.step + 1) / WARMUP_STEPS)
    for group in training.optimiser.param_groups:
        group["lr"] = training.learning_rate * warm * rate
    loss = loss_of_batch()
    loss.backward()
    nn.utils.clip_grad_norm_(training.module.parameters(), 1.0)
    training.optimiser.step()
    training.optimiser.zero_grad(set_to_none=True)
    training.step += 1
    training.average()
    return float(loss.detach())


def _log(training: Training, recent: list[float], progress: float) -> None:
    loss = sum(recent) / max(1, len(recent))
    training.losses.append((training.step, round(loss, 5)))
    log.info(
        f"{training.name} step={training.step} seconds={training.seconds:.0f} progress={progress:.3f} loss={loss:.4f}",
    )


def train_command(
    work: Callable[..., None],
    folders: tuple[str, ...],
    steps: int,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """The command line of a training: `work(*folders, budget, **options)`; `options` are argparse's, by name."""
    arguments = argparse.ArgumentParser(description=work.__doc__)
    for folder in folders:
        arguments.add_argument(folder, type=Path)
    arguments.add_argument("--steps", type=int, default=steps, help="train steps of this piece, over all resumptions")
    arguments.add_argument("--piece", type=int, default=1, help="which piece of a training that is cut into --pieces")
    arguments.add_argument("--pieces", type=int, default=1)
    for name, how in (options or {}).items():
        arguments.add_argument(f"--{name.replace('_', '-')}", **how)
    given = vars(arguments.parse_args())
    budget = Budget(given["steps"], piece=given["piece"], pieces=given["pieces"])
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_flush_denormal(True)
    work(*(given[folder] for folder in folders), budget, **{name: given[name] for name in options or {}})
