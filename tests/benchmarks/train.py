"""How much of the hardware's speed does a training get? Our Trainer in turns with the bare loop and a plain script.

Run by `make bench-train`. Three sides, each in a process of its own: the Trainer, its latents and embeddings made once
at the beginning; the floor, a bare loop of forward, backward and optimiser step on tensors that lie ready; and the work
of diffusers' example script done as its documentation does it, photos and prompts encoded at every train step. Same
base model, LoRA of rank 16, one instance and one class image a train step, same precision and optimiser. Pieces of
several train steps alternate, in changing order; ratios are medians over the rounds. Losses and weights of the Trainer
must go the way of the floor's. bfloat16 only where this CPU multiplies it in hardware, or with --bf16. Last line: the
JSON line, of several precisions the worst; ends with 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.benchmarks.train_load import Load, Precision, load_of

FLOOR, SCRIPT = 0.95, 2.0
SIDES = ("ours", "floor", "script")
STEPS = {"pocket": 15, "sd140m": 3}  # of a piece
IMAGES = 2  # of a train step
NOISE = 4.0  # standard errors by which two means of losses may differ: by chance once in 16,000 runs
QUIET = os.environ | {"DIFFUSERS_VERBOSITY": "error", "TRANSFORMERS_VERBOSITY": "error"}
DRIFT = 1.5  # times that LoRA's factors may have moved further on one side: its photos and noise are others


@dataclass
class Told:
    """Of one side: seconds of each piece, all losses, and what it said at its end."""

    ready: float = 0.0
    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    moved: float = 0.0
    gib: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, nargs=2, default=(9, 5), metavar=("POCKET", "SD140M"))
    parser.add_argument("--bf16", action="store_true", help="also where this CPU does not multiply it in hardware")
    parser.add_argument("--work", type=Path, help="keep the large base model here")
    given = parser.parse_args()
    told: dict[str, dict[str, float]] = {}
    missed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="photogen-train-") as folder:
        for name, rounds in zip(STEPS, given.rounds, strict=True):
            if rounds:
                told[name] = _measure(name, given.work or Path(folder), rounds, given.bf16, missed)
    told.get("pocket", {}).pop("peak_gib", None)
    for line in missed:
        print(f"MISSED: {line}")
    print(json.dumps({"bench": "train", **told}, separators=(",", ":")))
    sys.exit(1 if missed else 0)


def _measure(name: str, work: Path, rounds: int, wants_bf16: bool, missed: list[str]) -> dict[str, float]:
    """All precisions of one base model, printed; the worst of each ratio, and our highest peak of memory."""
    load, has_bf16 = _made(name, work)
    precisions: list[Precision] = ["fp32", "bf16"] if has_bf16 or wants_bf16 else ["fp32"]
    if len(precisions) == 1:
        print(f"{name}: bf16 left out, this CPU does not multiply it in hardware (--bf16 measures it all the same)")
    ratios = [_of_precision(replace(load, precision=precision), rounds, missed) for precision in precisions]
    worst = {key: min(each[key] for each in ratios) for key in ("vs_floor", "vs_script")}
    return {**worst, "peak_gib": max(each["peak_gib"] for each in ratios)}


def _made(name: str, work: Path) -> tuple[Load, bool]:
    """In another process: the memory of a process counts what its parent had when it began."""
    command = [sys.executable, "-m", "tests.benchmarks.train_models", name, str(work)]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=QUIET).stdout.splitlines()
    told = json.loads(lines[-1])
    return load_of(told["load"]), bool(told["bf16"])


def _of_precision(load: Load, rounds: int, missed: list[str]) -> dict[str, float]:
    sides = _turns(load, rounds)
    steps, title = STEPS[load.name], f"{load.name} {load.precision}"
    print(f"{title}: {load.side} px, {rounds} rounds of {steps} train steps each, {os.cpu_count()} cores;", flush=True)
    ratios: dict[str, list[float]] = {}
    for name, told in sides.items():
        speeds = [IMAGES * steps / spent for spent in told.seconds]
        ratios[name] = [theirs / own for theirs, own in zip(told.seconds, sides["ours"].seconds, strict=True)]
        print(
            f"  {name:6} {_spread(speeds)} images/s; our speed over it {_spread(ratios[name])}; "
            f"peak {told.gib:.2f} GiB; ready after {told.ready:.1f} s; loss {statistics.mean(told.losses):.4f}",
            flush=True,
        )
    ceiling = [theirs / bare for theirs, bare in zip(sides["script"].seconds, sides["floor"].seconds, strict=True)]
    print(f"  the floor's own speed over the script's, which bounds ours: {_spread(ceiling)}", flush=True)
    result = {f"vs_{name}": round(statistics.median(ratios[name]), 3) for name in ("floor", "script")}
    goals = (("vs_floor", FLOOR), ("vs_script", SCRIPT))
    missed += [f"{title} {key} is {result[key]}, the goal {goal}" for key, goal in goals if result[key] < goal]
    missed += [f"{title}: {line}" for line in _differences(sides["ours"], sides["floor"])]
    return {**result, "peak_gib": round(sides["ours"].gib, 2)}


def _turns(load: Load, rounds: int) -> dict[str, Told]:
    """The first round, of one train step, is nobody's: memory is had and kernels are chosen there."""
    told: dict[str, Told] = defaultdict(Told)
    with ExitStack() as stack:
        running = {name: stack.enter_context(_running(name, load, told[name])) for name in SIDES}
        for process in running.values():
            _ask(process, 1)
        for number in range(rounds):
            turn = number % len(SIDES)
            for name in SIDES[turn:] + SIDES[:turn]:
                piece = _ask(running[name], STEPS[load.name])
                told[name].seconds.append(piece["seconds"])
                told[name].losses += piece["losses"]
    return told


@contextmanager
def _running(name: str, load: Load, told: Told) -> Iterator[subprocess.Popen[str]]:
    """A side's process, ready to train; it tells its memory when it ends."""
    command = [sys.executable, "-m", "tests.benchmarks.train_sides", name, load.told()]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=QUIET) as process:
        try:
            told.ready = _answer(process)["seconds"]
            yield process
            assert process.stdin is not None
            process.stdin.close()
            end = _answer(process)
            told.moved, told.gib = end["moved"], end["peak"] / 2**30
        finally:
            process.kill()


def _ask(process: subprocess.Popen[str], steps: int) -> dict[str, Any]:
    assert process.stdin is not None
    process.stdin.write(f"{steps}\n")
    process.stdin.flush()
    return _answer(process)


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{process.args!r} ended without an answer")
    told: dict[str, Any] = json.loads(line)
    return told


def _differences(ours: Told, floor: Told) -> Iterator[str]:
    """Fast because it does less? Then losses or weights go another way than the bare loop's."""
    means = [statistics.mean(each.losses) for each in (ours, floor)]
    error = math.hypot(*(statistics.stdev(each.losses) / math.sqrt(len(each.losses)) for each in (ours, floor)))
    if abs(means[0] - means[1]) > NOISE * error:
        yield f"the mean loss is {means[0]:.4f} and the floor's {means[1]:.4f}, {error:.4f} apart by chance"
    if not 1 / DRIFT < ours.moved / floor.moved < DRIFT:
        yield f"the weights moved by {ours.moved:.3g} and the floor's by {floor.moved:.3g}"


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


if __name__ == "__main__":
    main()
