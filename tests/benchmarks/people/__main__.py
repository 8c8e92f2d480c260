"""Do pocket's people, and its subjects, look like somebody to a face network that chose none of the images?

Run by `make bench-people`. What is measured stands in docs/bench-people.md, which --write-docs writes from
docs/bench-people.jsonl, where each result is a line, written once; a run that was stopped or killed goes on with the
next one. Last line: the JSON line; ends with 1 where a goal is missed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gpu_worker.weights import hash_base_model
from tests.benchmarks.people import docs
from tests.benchmarks.people.course import RESULTS, Course, FaceResults
from tests.benchmarks.quality import Clock, OutOfTime, parser
from tests.benchmarks.quality_plan import Plan
from tests.benchmarks.quality_scale import FULL, QUICK

WORK = Path("photogen-bench/people")


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__, WORK)
    options.add_argument("--results", type=Path, help=f"default: {RESULTS}; of --quick, in --work")
    options.add_argument("--write-docs", action="store_true", help="write the tables into docs/bench-people.md")
    given = options.parse_args(arguments)
    # Trainings are judged at their end alone: how they get there, the benchmark of quality tells.
    scale = replace(QUICK if given.quick else FULL, midway_steps=0)
    work = given.work / scale.name if given.quick else given.work
    results = FaceResults(given.results or (work / "results.jsonl" if given.quick else RESULTS))
    plan = Plan(given.base_model, hash_base_model(given.base_model, None), work, scale, results)
    course = Course(plan, results, few=given.quick)
    if given.status:
        print("\n".join(f"left: {each.recipe} {each.customer}" for each in course.left()) or "nothing is left")
        return
    clock = Clock(given.minutes)
    try:
        for each in course.left():
            print(f"{time.strftime('%H:%M:%S')} {each.recipe} {each.customer}", flush=True)
            course.measure(each, clock)
    except OutOfTime:
        print(f"stopped after {given.minutes:g} minutes; the same command goes on with {len(course.left())} results")
        return
    sys.exit(_tell(course, given.write_docs))


def _tell(course: Course, write_docs: bool) -> int:
    line, missed = docs.verdict(course)
    print(f"\n{docs.main_table(course)}\n\n{docs.prompts_table(course)}\n")
    if write_docs:
        print(f"written: {docs.write(course, Path())}")
    for sentence in missed:
        print(f"MISSED: {sentence}")
    print(json.dumps(line, separators=(",", ":")))
    return 1 if missed else 0


if __name__ == "__main__":
    main()
