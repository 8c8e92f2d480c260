"""`python -m tests.chaos`: F-0 to F-3 whole, one line of JSON at the end; exit status 1 when a target was missed."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from typing import Any

from tests.chaos import report, runs
from tests.chaos.nemesis import EVERYTHING, KILLS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=200, help="of each of the runs F-2 and F-3")
    parser.add_argument("--repeat", type=int, default=3, help="of each of the 45 failpoints")
    parser.add_argument("--seed", type=int, default=None, help="of the faults and the photos; default: a new one")
    parser.add_argument("--soak", action="store_true", help="F-4: all faults together and nothing else; --jobs 3000")
    options = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    return _soak(seed, options.jobs) if options.soak else _all(seed, options.jobs, options.repeat)


def _all(seed: int, jobs: int, repeat: int) -> int:
    outcome = report.Outcome(
        seed=seed,
        unguarded=_told("F-0 without the guard", runs.unguarded(seed)),
        matrix=_told("F-1 kill -9 at every failpoint", runs.matrix(seed, repeat)),
        kills=_told("F-2 random kills", runs.disturbed(seed, jobs, KILLS)),
        free=_told("no fault", runs.undisturbed(seed, jobs)),
        everything=_told("F-3 all faults", runs.disturbed(seed, jobs, EVERYTHING, s3_lies=True)),
    )
    return _end(outcome.missed(), outcome.summary())


def _soak(seed: int, jobs: int) -> int:
    run = _told("F-4 all faults", runs.disturbed(seed, jobs, EVERYTHING, s3_lies=True))
    missed = report.missed_run("F-4", run)
    return _end(missed, report.summary_of(run) | {"soak": "failed" if missed else "ok", "seed": seed})


def _told(what: str, run: runs.Run) -> runs.Run:
    print(f"{time.strftime('%H:%M:%S')}  {what}: {report.told(run)}", flush=True)
    return run


def _end(missed: list[str], summary: dict[str, Any]) -> int:
    for line in missed:
        print(f"missed: {line}")
    print(json.dumps(summary))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
