"""`python -m tests.chaos`: F-0 to F-3 whole, one line of JSON at the end; exit status 1 when a target was missed."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from dataclasses import replace
from typing import Any

from tests.chaos import report, runs, steady
from tests.chaos.nemesis import EVERYTHING, KILLS
from tests.chaos.runs import FREE, SOAK, Course


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--jobs", type=int, default=None, help="of each of the runs F-2 and F-3 (200), or of F-4 (3000)"
    )
    parser.add_argument("--repeat", type=int, default=3, help="of each of the 45 failpoints")
    parser.add_argument("--seed", type=int, default=None, help="of the faults and the photos; default: a new one")
    parser.add_argument("--soak", action="store_true", help="F-4: all faults together and nothing else")
    parser.add_argument("--steady", type=float, metavar="SECONDS", help="F-X1: jobs for so long without any fault")
    options = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    _tell(f"seed {seed}")
    if options.steady:
        return _steady(seed, options.steady)
    if options.soak:
        return _soak(seed, options.jobs or 3000)
    return _all(seed, options.jobs or 200, options.repeat)


def _all(seed: int, jobs: int, repeat: int) -> int:
    outcome = report.Outcome(
        seed=seed,
        unguarded=_told("F-0 without the guard", runs.unguarded(seed)),
        matrix=_told("F-1 kill -9 at every failpoint", runs.matrix(seed, repeat)),
        kills=_told("F-2 random kills", runs.disturbed(seed, jobs, Course(KILLS))),
        free=_told("no fault", runs.disturbed(seed, jobs, FREE)),
        everything=_told("F-3 all faults", runs.disturbed(seed, jobs, Course(EVERYTHING, s3_lies=True))),
    )
    return _end(outcome.missed(), outcome.summary())


def _soak(seed: int, jobs: int) -> int:
    run = _told("F-4 all faults", runs.disturbed(seed, jobs, replace(SOAK, tell=_tell)))
    missed = report.missed_run("F-4", run)
    command = f"python -m tests.chaos --soak --jobs {jobs} --seed {seed}"
    told = {"soak": "failed" if missed else "ok", "command": command, "seed": seed}
    return _end(missed, told | report.summary_of(run))


def _steady(seed: int, seconds: float) -> int:
    found = steady.run(seed, seconds, _tell)
    command = f"python -m tests.chaos --steady {seconds:g} --seed {seed}"
    return _end([f"F-X1: {line}" for line in found.missed()], {"command": command, "seed": seed} | found.summary())


def _told(what: str, run: runs.Run) -> runs.Run:
    _tell(f"{what}: {report.told(run)}")
    return run


def _tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


def _end(missed: list[str], summary: dict[str, Any]) -> int:
    for line in missed:
        print(f"missed: {line}")
    print(json.dumps(summary))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
