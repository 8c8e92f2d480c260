"""Does the default recipe beat that of diffusers' example, in likeness, adherence, diversity and drift at once?

Run by `make bench-quality`. What is measured stands in docs/bench-quality.md, which --write-docs writes. Each result is
a line in docs/bench-quality.jsonl, written once, and may be committed as it comes; a run that was stopped or killed
goes on with the next one, in the middle of a training from its last checkpoint. Where a setting of a recipe changes,
its results are measured anew. Last line: the JSON line; ends with 1 where a goal is missed.

On two cores two processes of one thread each do a third more than one of two threads: OMP_NUM_THREADS=1, --share 1/2
and --share 2/2. Whoever ends last tells all.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.weights import hash_base_model
from tests.benchmarks import quality_docs, quality_status
from tests.benchmarks.quality_customers import prepare
from tests.benchmarks.quality_laboratory import Laboratory
from tests.benchmarks.quality_likeness import open_second
from tests.benchmarks.quality_plan import Plan
from tests.benchmarks.quality_results import Results
from tests.benchmarks.quality_scale import FULL, QUICK
from tests.benchmarks.quality_share import Share, add_share
from tests.benchmarks.quality_table import main_table, search_table, steps_table, verdict

WORK = Path("photogen-bench/quality")
RESULTS = Path("docs/bench-quality.jsonl")


class OutOfTime(Exception):
    """The minutes are over; whoever is at work has kept what it did."""


class Clock:
    """An OnStep that raises OutOfTime after so many minutes, None: never."""

    def __init__(self, minutes: float | None) -> None:
        self._end = None if minutes is None else time.monotonic() + 60 * minutes

    def __call__(self, progress: float, line: str) -> None:
        if self._end is not None and time.monotonic() > self._end:
            raise OutOfTime


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__, WORK)
    options.add_argument("--write-docs", action="store_true", help="write the tables into docs/bench-quality.md")
    add_share(options)
    given = options.parse_args(arguments)
    plan = _plan(given)
    if given.status:
        print(quality_status.told(quality_status.parts(plan)))
        return
    try:
        second = run(plan, Clock(given.minutes), given.share)
    except OutOfTime:
        print(f"stopped after {given.minutes:g} minutes; the same command goes on\n")
        print(quality_status.told(quality_status.parts(plan)))
        return
    if plan.is_done:
        sys.exit(_tell(plan, second, given.write_docs))
    print(quality_status.told(quality_status.parts(plan)))


def parser(text: str | None, work: Path) -> argparse.ArgumentParser:
    """The options that both quality benchmarks have."""
    options = argparse.ArgumentParser(description=text)
    options.add_argument("--work", type=Path, default=work, help="photos and unfinished trainings lie here")
    options.add_argument("--base-model", default=str(WEIGHTS), help="a folder; it must hold an attribute scorer")
    options.add_argument("--minutes", type=float, help="stop after so many, and go on another time")
    options.add_argument("--status", action="store_true", help="what is left, and how long it takes")
    options.add_argument(
        "--quick", action="store_true", help="one customer, two prompts, four train steps: does it run?"
    )
    return options


def run(plan: Plan, clock: Clock, share: Share) -> str:
    """Measure all that is left of this share; what the second encoder is. Raises OutOfTime."""
    for seed in share.of(plan.seeds):
        clock(0, "photos")
        prepare(seed, plan.work)
    second = open_second(plan.work, plan.scale, plan.base_model, plan.base_hash)
    print(f"likeness_2: {second.told}", flush=True)
    laboratory = Laboratory(plan.base_model, plan.work, plan.results, second, clock)
    for key in share.of(plan.untrained):
        if key not in plan.results:
            laboratory.measure_base(int(key.customer), plan.base_look, key)
    while training := plan.next_training(share):
        print(f"{time.strftime('%H:%M:%S')} {training.recipe}, customer {training.customer}", flush=True)
        laboratory.measure(training)
    return second.told


def _plan(given: argparse.Namespace) -> Plan:
    scale = QUICK if given.quick else FULL
    work = given.work / scale.name if given.quick else given.work
    results = Results(work / "results.jsonl" if given.quick else RESULTS)
    return Plan(given.base_model, hash_base_model(given.base_model, None), work, scale, results)


def _tell(plan: Plan, second: str, write_docs: bool) -> int:
    line, missed = verdict(plan)
    print("\n\n".join(["", main_table(plan), steps_table(plan), search_table(plan), ""]))
    if write_docs:
        print(f"written: {quality_docs.write(plan, second, line, missed, Path())}")
    for sentence in missed:
        print(f"MISSED: {sentence}")
    print(json.dumps(line, separators=(",", ":")))
    return 1 if missed else 0


if __name__ == "__main__":
    main()
