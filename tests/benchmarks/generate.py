"""How much of the hardware's speed do customers get? The resident engine in turns with the bare loop and with scripts.

Run by `make bench-generate`. For each customer, in changing order: the engine's whole stage (weights swapped in,
prompts encoded, images drawn together, files and record written; not judged, for no peer judges); the floor, a bare
denoising loop of the same UNet wearing the same LoRA, with the same batch and steps, and decode; (b) a new process that
loads a pipe; (c) one resident pipe with load_lora_weights and unload_lora_weights, prompts one after the other; and (c)
with the batch that is best for it. Ratios are medians over the customers' pairs. Then LoRA swaps, and the time from a
worker's start to its first image, judged. Last line: the JSON line; ends with 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gpu_worker.generate.engine import engine
from tests.benchmarks.generate_models import Load, pocket_load, sd140m_load
from tests.benchmarks.generate_sides import ResidentPipe, floor, new_process, ours, warm

FLOOR, PROCESS, SWAP = 0.93, 3.0, 1.8
SWAPS = 400
BATCHES = (2, 4, 8)  # tried for (c)
STARTS = 3

Seconds = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, nargs=2, default=(20, 4), metavar=("POCKET", "SD140M"))
    parser.add_argument("--side", type=int, default=128, help="px, of the large base model's images")
    parser.add_argument("--work", type=Path, help="keep the large base model here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="photogen-generate-") as folder:
        work = given.work or Path(folder)
        small = pocket_load(Path(folder), given.customers[0])
        told = {"pocket": _measure(small)}
        swaps = _swaps(small)
        cold, warm = _starts(small)
        if given.customers[1]:
            told["sd140m"] = _measure(sd140m_load(work, given.customers[1], given.side))
    line = {**told, **swaps, "cold_s": cold, "warm_s": warm}
    print(json.dumps({"bench": "generate", **line}))
    sys.exit(1 if _missed(told) else 0)


def _measure(load: Load) -> dict[str, float]:
    """Turns over all customers, printed; ratios of images per second."""
    pipe = ResidentPipe(load)
    best = _best_batch(pipe, load)
    sides: dict[str, Callable[[int], float]] = {
        "engine": lambda customer: ours(load, customer),
        "floor": lambda customer: floor(load, customer),
        "new process": lambda customer: new_process(load, customer),
        "resident pipe": lambda customer: pipe.draw(customer),
        f"resident pipe, {best} at once": lambda customer: pipe.draw(customer, best),
    }
    warm(load)
    seconds = _turns(load, sides)
    return _tell(load, seconds)


def _turns(load: Load, sides: dict[str, Callable[[int], float]]) -> Seconds:
    seconds: Seconds = defaultdict(list)
    names = list(sides)
    for customer in range(len(load.customers)):
        turn = customer % len(names)
        for name in names[turn:] + names[:turn]:
            seconds[name].append(sides[name](customer))
    return seconds


def _tell(load: Load, seconds: Seconds) -> dict[str, float]:
    print(f"{load.name}: {len(load.customers)} customers of {load.images} images, {load.steps} inference steps;")
    print(f"engine and floor in {_held()}, scripts in torch.float32")
    ratios = {}
    for name, spent in seconds.items():
        per_second = [load.images / each for each in spent]
        ratios[name] = [peer / own for peer, own in zip(spent, seconds["engine"], strict=True)]
        print(f"  {name:28} {_spread(per_second)} images/s; engine's speed over it {_spread(ratios[name])}", flush=True)
    told = {"vs_floor": "floor", "vs_new_process": "new process", "vs_resident_swap": "resident pipe"}
    return {key: round(statistics.median(ratios[name]), 3) for key, name in told.items()}


def _best_batch(pipe: ResidentPipe, load: Load) -> int:
    """For (c): the batch with which the first customer's images come fastest."""
    pipe.draw(0, 1)
    tried = {at_once: pipe.draw(0, at_once) for at_once in BATCHES if at_once <= load.images}
    return min(tried, key=lambda at_once: tried[at_once])


def _swaps(load: Load) -> dict[str, float]:
    """Milliseconds from one customer's weights to another's, files read anew where they are not among the latest."""
    spent = []
    with engine().base_model(str(load.base_model), None) as held:
        for number in range(SWAPS):
            folder = load.customers[number % len(load.customers)] / "train"
            begun = time.perf_counter()
            held.wear(engine().subject(folder))
            spent.append((time.perf_counter() - begun) * 1000)
    p50, p99 = (round(float(np.percentile(spent, share)), 1) for share in (50, 99))
    print(f"swaps of pocket's LoRA: p50 {p50} ms, p99 {p99} ms over {SWAPS}")
    return {"swap_ms_p50": p50, "swap_ms_p99": p99}


def _starts(load: Load) -> tuple[float, float]:
    """Seconds to the first image, judged: from a process's start, and from a job's arrival at a warm worker."""
    cold = round(statistics.median(_start(load, "cold") for _ in range(STARTS)), 2)
    warm = round(statistics.median(_start(load, "warm") for _ in range(STARTS)), 2)
    print(f"first image: {cold} s after a cold worker's start, {warm} s after a job's arrival at a warm one")
    return cold, warm


def _start(load: Load, state: str) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.generate_start", str(load.customers[0]), str(load.steps), state]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        begun = time.perf_counter() if state == "warm" else begun
        process.stdout.readline()
        return time.perf_counter() - begun


def _held() -> str:
    with engine()._lock:
        dtypes = {str(held.base.unet.dtype) for held in engine()._residents.values()}
    return ", ".join(sorted(dtypes))


def _missed(told: dict[str, dict[str, float]]) -> bool:
    """Says so for each goal that is missed."""
    goals = [(name, "vs_floor", FLOOR) for name in told]
    goals += [("pocket", "vs_new_process", PROCESS), ("pocket", "vs_resident_swap", SWAP)]
    missed = [(name, key, goal) for name, key, goal in goals if told[name][key] < goal]
    for name, key, goal in missed:
        print(f"MISSED: {name} {key} is {told[name][key]}, the goal {goal}")
    return bool(missed)


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


if __name__ == "__main__":
    main()
